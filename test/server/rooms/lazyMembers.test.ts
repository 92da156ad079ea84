import { createRoomsServer, enc } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
beforeAll(async () => {
  server = await createRoomsServer();
});
afterAll(() => server.close());

const filter = { room: { state: { lazy_load_members: true }, timeline: { limit: 1 } } };
const sync = (client: Client, since?: string): Promise<Answer["body"]> =>
  client.get(`/sync?filter=${enc(JSON.stringify(filter))}${since === undefined ? "" : `&since=${since}`}`);

test("a member is sent once, and again to a client that did not get the answer", async () => {
  const [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  await alice.text(roomId, "so that Bob is not shown");
  const members = (answer: Answer["body"]): string[] =>
    answer.rooms.join[roomId].state.events
      .filter(({ type }: { type: string }) => type === "m.room.member")
      .map(({ state_key: key }: { state_key: string }) => key);
  const first = await sync(alice);
  // Heroes, who name the room, come in any case: the room gets a name.
  await alice.setState(roomId, "m.room.name", { name: "Named" });
  const { next_batch: since } = await sync(alice, first.next_batch);
  await bob.text(roomId, "1");
  const lost = await sync(alice, since);
  expect(members(lost)).toEqual([bob.userId]);
  const again = await sync(alice, since);
  expect(members(again)).toEqual([bob.userId]);
  await bob.text(roomId, "2");
  expect(members(await sync(alice, again.next_batch))).toEqual([]);
});
