import { createRoomsServer, enc, roomPath } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;
beforeAll(async () => {
  server = await createRoomsServer({ forget_rooms_on_leave: true });
  [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
});
afterAll(() => server.close());

const withLeft = enc(JSON.stringify({ room: { include_leave: true } }));
const sync = (since?: string): Promise<Answer["body"]> =>
  bob.get(`/sync?filter=${withLeft}${since === undefined ? "" : `&since=${since}`}`);
const sliding = (pos?: string): Promise<Answer["body"]> =>
  bob.post(`/_matrix/client/unstable/org.matrix.simplified_msc3575/sync${pos === undefined ? "" : `?pos=${pos}`}`, {
    lists: { all: { ranges: [[0, 99]], required_state: [], timeline_limit: 1 } },
  });

async function shared(): Promise<string> {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  return roomId;
}

const ways: Record<string, (roomId: string) => Promise<unknown>> = {
  leaves: (roomId) => bob.post(`${roomPath(roomId)}/leave`),
  "is kicked": (roomId) => alice.post(`${roomPath(roomId)}/kick`, { user_id: bob.userId }),
  "is banned": (roomId) => alice.post(`${roomPath(roomId)}/ban`, { user_id: bob.userId }),
};

test("clients are told of it", async () => {
  const { capabilities } = await alice.get("/capabilities");
  expect(capabilities["m.forget_forced_upon_leave"]).toEqual({ enabled: true });
});

test.each(Object.entries(ways))("who %s has forgotten the room, which their clients are told once", async (_, leave) => {
  const roomId = await shared();
  const [before, known] = [await sync(), await sliding()];
  await leave(roomId);
  const told = await sync(before.next_batch);
  expect(told.rooms.leave[roomId].timeline.events.at(-1)).toMatchObject({ type: "m.room.member", state_key: bob.userId });
  expect((await sync(told.next_batch)).rooms?.leave).toBeUndefined();
  expect((await sync()).rooms?.leave?.[roomId]).toBeUndefined();
  const slid = await sliding(known.pos);
  expect(slid.rooms[roomId].timeline.at(-1)).toMatchObject({ type: "m.room.member", state_key: bob.userId });
  const after = await sliding(slid.pos);
  expect(after.rooms[roomId]).toBeUndefined();
  expect(after.lists.all.count).toBe(known.lists.all.count - 1);
  expect((await bob.call("GET", `${roomPath(roomId)}/messages?dir=b`)).status).toBe(403);
  // As it stands in the database.
  server.app.caches.memberships.forgetUser(bob.userId);
  expect((await sync()).rooms?.leave?.[roomId]).toBeUndefined();
});

test("who comes back has the room again", async () => {
  const roomId = await shared();
  await bob.post(`${roomPath(roomId)}/leave`);
  const { next_batch: since } = await sync();
  await bob.post(`/join/${enc(roomId)}`);
  expect((await sync(since)).rooms.join[roomId]).toBeDefined();
  expect((await bob.get(`${roomPath(roomId)}/messages?dir=b`)).chunk.length).toBeGreaterThan(0);
});
