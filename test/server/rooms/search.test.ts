import { createRoomsServer, enc, roomPath } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
  server.app.searchIndex.start();
});
afterAll(async () => {
  await server.app.searchIndex.stop();
  await server.close();
});

const ask = (client: Client, criteria: object, batch?: string): Promise<Answer> =>
  client.call("POST", `/search${batch === undefined ? "" : `?next_batch=${batch}`}`, { search_categories: { room_events: criteria } });

async function search(client: Client, criteria: object, batch?: string): Promise<Answer["body"]> {
  const { status, body } = await ask(client, criteria, batch);
  expect(status).toBe(200);
  return body.search_categories.room_events;
}
const idsOf = (found: Answer["body"]): string[] => found.results.map(({ result }: Answer["body"]) => result.event_id);

test("messages, names and topics are found, by stems and in all scripts", async () => {
  const roomId = await alice.createRoom({ name: "Badgers", topic: "burrowing mammals" });
  const said = await alice.text(roomId, "The badger was burrowing; ÜBER alles 東京タワーが見える");
  await alice.send(roomId, { ciphertext: "badger" }, "m.room.encrypted");
  const found = await search(alice, { search_term: "badger" });
  expect(found).toMatchObject({ count: 2, highlights: expect.arrayContaining(["badger", "badgers"]) });
  expect(found.results.find(({ result }: Answer["body"]) => result.event_id === said).result.room_id).toBe(roomId);
  expect(idsOf(await search(alice, { search_term: "badger", keys: ["content.body"] }))).toEqual([said]);
  expect((await search(alice, { search_term: "burrow", keys: ["content.topic"] })).results).toHaveLength(1);
  expect(idsOf(await search(alice, { search_term: "über" }))).toEqual([said]);
  expect(idsOf(await search(alice, { search_term: "東京" }))).toEqual([said]);
  expect(idsOf(await search(alice, { search_term: '"badger was burrowing" -otter' }))).toEqual([said]);
  expect((await search(alice, { search_term: "badger -burrowing", keys: ["content.body"] })).results).toEqual([]);
  expect((await search(bob, { search_term: "badger" })).results).toEqual([]);
  for (const term of ["", "the", "\u0000", "& | ! ( '", '"'.repeat(100)])
    expect((await search(alice, { search_term: term })).results).toEqual([]);
});

test("pages follow each other, newest or best first, also within a group", async () => {
  const [one, two] = [await alice.createRoom(), await alice.createRoom()];
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) ids.push(await alice.text(i % 2 ? one : two, `otter ${i}`));
  const criteria = {
    search_term: "otter",
    order_by: "recent",
    filter: { limit: 4 },
    groupings: { group_by: [{ key: "room_id" }, { key: "sender" }] },
  };
  const first = await search(alice, criteria);
  expect(idsOf(first)).toEqual([...ids].reverse().slice(0, 4));
  expect(first.groups.room_id[one].results).toEqual([ids[5], ids[3]]);
  expect(first.groups.sender[alice.userId].results).toHaveLength(4);
  const second = await search(alice, criteria, first.next_batch);
  expect(idsOf(second)).toEqual([ids[1], ids[0]]);
  expect(second.next_batch).toBeUndefined();
  expect(idsOf(await search(alice, criteria, first.groups.room_id[two].next_batch))).toEqual([ids[0]]);
  const best = await search(alice, { search_term: "otter", filter: { limit: 4 } });
  const rest = await search(alice, { search_term: "otter", filter: { limit: 4 } }, best.next_batch);
  expect([...idsOf(best), ...idsOf(rest)].sort()).toEqual([...ids].sort());
  expect(best.results[0].rank).toBeGreaterThan(0);
  expect((await search(alice, { search_term: "otter", filter: { rooms: [one], not_senders: [] } })).results).toHaveLength(3);
  expect((await search(alice, { search_term: "otter", filter: { senders: [bob.userId] } })).results).toEqual([]);
});

test("a result comes with what is around it, profiles, and the state of its room", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  const before = [await alice.text(roomId, "one"), await alice.text(roomId, "two")];
  const said = await alice.text(roomId, "walrus");
  const after = await alice.text(roomId, "three");
  const found = await search(alice, {
    search_term: "walrus",
    include_state: true,
    event_context: { before_limit: 2, after_limit: 2, include_profile: true },
  });
  const { context } = found.results[0];
  expect(idsOf(found)).toEqual([said]);
  expect(context.events_before.map((event: Answer["body"]) => event.event_id)).toEqual([...before].reverse());
  expect(context.events_after.map((event: Answer["body"]) => event.event_id)).toEqual([after]);
  expect(context.profile_info).toEqual({ [alice.userId]: { displayname: "alice" } });
  expect(found.state[roomId].some((event: Answer["body"]) => event.type === "m.room.create")).toBe(true);
  const older = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=1&from=${enc(context.start)}`);
  expect(older.chunk).toHaveLength(1);
});

test("nobody finds what they may not see, what was redacted, or what ignored users say", async () => {
  const roomId = await alice.createRoom({
    preset: "public_chat",
    initial_state: [{ type: "m.room.history_visibility", state_key: "", content: { history_visibility: "joined" } }],
  });
  await alice.text(roomId, "secret lemur");
  await bob.post(`${roomPath(roomId)}/join`);
  const later = await alice.text(roomId, "open lemur");
  const gone = await alice.text(roomId, "wrong lemur");
  expect(idsOf(await search(bob, { search_term: "lemur" })).sort()).toEqual([later, gone].sort());
  await alice.put(`${roomPath(roomId)}/redact/${enc(gone)}/r1`);
  expect(idsOf(await search(bob, { search_term: "lemur" }))).toEqual([later]);
  expect(await server.app.db`select from event_search s join events e using (nid) where e.event_id = ${gone}`).toHaveLength(0);
  await bob.put(`/user/${enc(bob.userId)}/account_data/m.ignored_user_list`, { ignored_users: { [alice.userId]: {} } });
  expect(idsOf(await search(bob, { search_term: "lemur" }))).toEqual([]);
});

test("a search in a room that took the place of another one finds what was said there", async () => {
  const old = await alice.createRoom();
  const said = await alice.text(old, "ancient tapir");
  const replacement = (await alice.post(`${roomPath(old)}/upgrade`, { new_version: "10" })).replacement_room;
  await alice.post(`${roomPath(old)}/leave`);
  expect(idsOf(await search(alice, { search_term: "tapir", filter: { rooms: [replacement] } }))).toEqual([said]);
  expect(idsOf(await search(alice, { search_term: "tapir" }))).toEqual([]);
});

test("what cannot be asked is refused", async () => {
  expect((await ask(alice, {})).body.errcode).toBe("M_MISSING_PARAM");
  expect((await ask(alice, { search_term: 1 })).body.errcode).toBe("M_BAD_JSON");
  for (const criteria of [
    { order_by: "worst" },
    { keys: ["content.ciphertext"] },
    { filter: { limit: "many" } },
    { groupings: { group_by: [{ key: "type" }] } },
  ]) {
    expect((await ask(alice, { search_term: "a", ...criteria })).status).toBe(400);
  }
  expect((await ask(alice, { search_term: "a".repeat(1001) })).status).toBe(400);
  expect((await ask(alice, { search_term: "a" }, "nonsense")).body.errcode).toBe("M_INVALID_PARAM");
  expect((await alice.call("POST", "/search", {})).body.errcode).toBe("M_MISSING_PARAM");
});
