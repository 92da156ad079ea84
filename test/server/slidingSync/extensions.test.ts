import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { listOf, loopOf } from "./harness";
import type { Body } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;
let roomId: string;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
  roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
});
afterAll(() => server.close());

let users = 0;
/** A new user in the room. */
async function member(): Promise<Client> {
  const client = await server.client(`user${++users}`);
  await client.post(`/join/${enc(roomId)}`);
  return client;
}

const accountData = (client: Client, type: string, room?: string): string =>
  `/user/${enc(client.userId)}${room === undefined ? "" : roomPath(room)}/account_data/${type}`;
const types = (events: Body[] = []): string[] => events.map(({ type }) => type).sort();

test("messages to devices come until their token is given back", async () => {
  const carol = await server.client("carol");
  const extensions = (since?: string) => ({
    extensions: { to_device: { enabled: true, limit: 2, ...(since !== undefined && { since }) } },
  });
  const loop = loopOf(carol);
  const empty = (await loop.next(extensions())).extensions.to_device;
  expect(empty).toEqual({ next_batch: expect.any(String) });
  for (const n of [1, 2, 3]) await bob.put(`/sendToDevice/org.example/${n}`, { messages: { [carol.userId]: { "*": { n } } } });
  const numbers = (part: Body): number[] => (part.events ?? []).map(({ content }: Body) => content.n);
  const first = (await loop.next(extensions(empty.next_batch))).extensions.to_device;
  expect(numbers(first)).toEqual([1, 2]);
  expect(numbers((await loop.next(extensions(empty.next_batch))).extensions.to_device)).toEqual([1, 2]);
  const rest = (await loop.next(extensions(first.next_batch))).extensions.to_device;
  expect(numbers(rest)).toEqual([3]);
  expect(numbers((await loop.next(extensions(rest.next_batch))).extensions.to_device)).toEqual([]);
  // They are gone, whatever a client asks for.
  expect(numbers((await loopOf(carol).next(extensions())).extensions.to_device)).toEqual([]);
  const waiting = loop.next(extensions(rest.next_batch), { timeout: "30000" });
  await bob.put("/sendToDevice/org.example/4", { messages: { [carol.userId]: { "*": { n: 4 } } } });
  expect(numbers((await waiting).extensions.to_device)).toEqual([4]);
});

test("what is at hand of a device's keys, and whose devices changed", async () => {
  const carol = await member();
  const loop = loopOf(carol);
  const request = { extensions: { e2ee: { enabled: true } } };
  expect((await loop.next(request)).extensions.e2ee).toEqual({
    device_one_time_keys_count: { signed_curve25519: 0 },
    device_unused_fallback_key_types: [],
  });
  await member();
  expect((await loop.next(request)).extensions.e2ee.device_lists.changed).toContain(`@user${users}:test.local`);
  expect((await loop.next(request)).extensions.e2ee).not.toHaveProperty("device_lists");
});

test("account data: everything at first, then what changed; of rooms, those that are wanted", async () => {
  const carol = await member();
  const other = await carol.createRoom();
  await carol.put(accountData(carol, "org.example"), { n: 1 });
  await carol.put(accountData(carol, "org.room", roomId), { n: 1 });
  await carol.put(accountData(carol, "org.room", other), { n: 1 });
  const loop = loopOf(carol);
  const request = (first: number) => ({
    ...listOf({ ranges: [[first, first]] }),
    extensions: { account_data: { enabled: true } },
  });
  const first = (await loop.next(request(0))).extensions.account_data;
  expect(types(first.global)).toEqual(expect.arrayContaining(["m.push_rules", "org.example"]));
  expect(Object.keys(first.rooms)).toEqual([other]);
  expect((await loop.next(request(0))).extensions.account_data).toEqual({});
  await carol.put(accountData(carol, "org.example"), { n: 2 });
  await carol.put(accountData(carol, "org.room", roomId), { n: 2 });
  expect((await loop.next(request(0))).extensions.account_data).toEqual({ global: [{ type: "org.example", content: { n: 2 } }] });
  // The other room comes into the window, and then its changes out of it are kept for when it comes back.
  expect((await loop.next(request(1))).extensions.account_data.rooms).toEqual({ [roomId]: [{ type: "org.room", content: { n: 2 } }] });
  await carol.put(accountData(carol, "org.room", roomId), { n: 3 });
  expect((await loop.next(request(0))).extensions.account_data).toEqual({});
  expect((await loop.next(request(1))).extensions.account_data.rooms).toEqual({ [roomId]: [{ type: "org.room", content: { n: 3 } }] });
});

test.each<[what: string, config: object, wanted: boolean]>([
  ["by default", {}, true],
  ["of all lists", { lists: ["*"], rooms: [] }, true],
  ["of the list", { lists: ["all"], rooms: [] }, true],
  ["of another list", { lists: ["other"], rooms: [] }, false],
  ["of no list", { lists: [] }, false],
  ["not switched on", { enabled: false }, false],
])("receipts %s", async (_, config, wanted) => {
  const carol = await member();
  const eventId = await bob.text(roomId, "read me");
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);
  const request = { ...listOf(), extensions: { receipts: { enabled: true, ...config } } };
  const { extensions } = await loopOf(carol).next(request);
  const content = extensions.receipts?.rooms?.[roomId]?.content ?? {};
  expect(Object.keys(content)).toEqual(wanted ? [eventId] : []);
});

test("receipts: at first the user's own and those on what is shown, then all that are new", async () => {
  const carol = await member();
  const [old, shown] = [await bob.text(roomId, "old"), await bob.text(roomId, "shown")];
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(old)}`);
  await carol.post(`${roomPath(roomId)}/receipt/m.read.private/${enc(old)}`);
  await bob.post(`${roomPath(roomId)}/receipt/m.read/${enc(shown)}`);
  const loop = loopOf(carol);
  const request = { ...listOf({ timeline_limit: 1 }), extensions: { receipts: { enabled: true } } };
  const room = (answer: Body): Body => answer.extensions.receipts.rooms?.[roomId];
  const first = room(await loop.next(request));
  expect(first.type).toBe("m.receipt");
  expect(Object.keys(first.content[old])).toEqual(["m.read.private"]);
  expect(Object.keys(first.content[shown]["m.read"])).toEqual([bob.userId]);
  expect(room(await loop.next(request))).toBeUndefined();
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(shown)}`);
  const next = await loop.next(request);
  expect(Object.keys(room(next).content[shown]["m.read"])).toEqual([alice.userId]);
  expect(next.rooms).toEqual({});
});

test("typing", async () => {
  const carol = await member();
  const loop = loopOf(carol);
  const request = { ...listOf(), extensions: { typing: { enabled: true } } };
  const typists = (answer: Body): string[] | undefined => answer.extensions.typing.rooms?.[roomId]?.content.user_ids;
  expect(typists(await loop.next(request))).toBeUndefined();
  const waiting = loop.next(request, { timeout: "30000" });
  await bob.put(`${roomPath(roomId)}/typing/${enc(bob.userId)}`, { typing: true, timeout: 30_000 });
  expect(typists(await waiting)).toEqual([bob.userId]);
  expect(typists(await loop.next(request))).toBeUndefined();
  expect(typists(await loopOf(carol).next(request))).toEqual([bob.userId]);
  await bob.put(`${roomPath(roomId)}/typing/${enc(bob.userId)}`, { typing: false });
  expect(typists(await loop.next(request))).toEqual([]);
});

test("filters work on rooms as they are", async () => {
  const carol = await server.client("filterer");
  const child = await carol.createRoom({ initial_state: [{ type: "m.room.encryption", content: { algorithm: "m.megolm.v1.aes-sha2" } }] });
  const space = await carol.createRoom({
    creation_content: { type: "m.space" },
    initial_state: [{ type: "m.space.child", state_key: child, content: { via: ["test.local"] } }],
  });
  const direct = await carol.createRoom();
  const invited = await bob.createRoom({ invite: [carol.userId] });
  await carol.put(accountData(carol, "m.direct"), { [bob.userId]: [direct] });
  await carol.put(`/user/${enc(carol.userId)}${roomPath(direct)}/tags/u.fun`, {});
  const wanted: [object, string[]][] = [
    [{ is_dm: true }, [direct]],
    [{ spaces: [space] }, [child]],
    [{ is_encrypted: true }, [child]],
    [{ is_invite: true }, [invited]],
    [{ room_types: ["m.space"] }, [space]],
    [{ not_room_types: ["m.space"], is_invite: false }, [direct, child]],
    [{ tags: ["u.fun"] }, [direct]],
    [{ not_tags: ["u.fun"], is_invite: false }, [space, child]],
  ];
  for (const [filters, rooms] of wanted) {
    const answer = await loopOf(carol).next(listOf({ filters }));
    expect([filters, Object.keys(answer.rooms).sort()]).toEqual([filters, [...rooms].sort()]);
    expect(answer.lists.all.count).toBe(rooms.length);
  }
  // An open list follows what the user does.
  const loop = loopOf(carol);
  await loop.next(listOf({ filters: { tags: ["u.fun"] } }));
  await carol.put(`/user/${enc(carol.userId)}${roomPath(child)}/tags/u.fun`, {});
  expect(Object.keys((await loop.next(listOf({ filters: { tags: ["u.fun"] } }))).rooms)).toEqual([child]);
});
