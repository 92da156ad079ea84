import { startUserDirectory } from "../../../src/services/userDirectory";
import { getConsumerPosition } from "../../../src/storage/streamConsumers";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc, roomPath } from "./harness";
import type { Client, RoomsServer } from "./harness";

let server: RoomsServer;
let stop: () => Promise<void>;
let alice: Client;
let bob: Client;
let carol: Client;

const named = async (name: string, displayname: string): Promise<Client> => {
  const client = await server.client(name);
  await client.put(`/profile/${enc(client.userId)}/displayname`, { displayname });
  return client;
};

async function found(client: Client, term: string, limit?: number): Promise<string[]> {
  const body = await client.post("/user_directory/search", { search_term: term, ...(limit !== undefined && { limit }) });
  return body.results.map((user: { user_id: string }) => user.user_id);
}

/** Waits until a search finds these and no others. */
const finds = (client: Client, term: string, wanted: readonly Client[]): Promise<void> =>
  eventually(async () => JSON.stringify(await found(client, term)) === JSON.stringify(wanted.map(({ userId }) => userId)));

beforeAll(async () => {
  server = await createRoomsServer({ rc_user_directory: { per_second: 1000, burst_count: 1000 } });
  alice = await named("alice", "Alice Ångström");
  bob = await named("bob", "Bob Alison");
  // What happened before the service ever ran is found, too.
  await bob.post(`/join/${enc(await alice.createRoom({ preset: "private_chat", invite: [bob.userId] }))}`);
  stop = startUserDirectory(server.app);
  carol = await named("carol", "カロル 東京タワー");
});
afterAll(async () => {
  await stop();
  await server.close();
});

test("who shares a room is found, by beginnings of words in any case and script", async () => {
  await finds(bob, "ali", [alice]);
  await finds(bob, "ÅNGSTR", [alice]);
  expect(await found(bob, "alice ang")).toEqual([]);
  expect(await found(bob, "@alice:test.local")).toEqual([alice.userId]);
  expect(await found(bob, "lice")).toEqual([]);
  expect(await found(carol, "ali")).toEqual([]);
  await carol.post(`/join/${enc(await bob.createRoom({ preset: "private_chat", invite: [carol.userId] }))}`);
  await finds(bob, "東京", [carol]);
  await finds(carol, "bob alison", [bob]);
  // What is no word finds nobody and breaks nothing.
  for (const term of ["", "'", "\\", "':*", "& |", "\u0000", "a".repeat(5000), "東".repeat(900)])
    expect(await found(bob, term)).toEqual([]);
});

test("an open room shows its members to everybody, and no more once it closes", async () => {
  const dora = await named("dora", "Dora Public");
  const roomId = await dora.createRoom({ preset: "private_chat" });
  await finds(alice, "dora", []);
  await dora.setState(roomId, "m.room.history_visibility", { history_visibility: "world_readable" });
  await finds(alice, "dora", [dora]);
  await dora.setState(roomId, "m.room.join_rules", { join_rule: "public" });
  await dora.setState(roomId, "m.room.history_visibility", { history_visibility: "shared" });
  await finds(alice, "dora publ", [dora]);
  await dora.put(`/profile/${enc(dora.userId)}/displayname`, { displayname: "Theodora" });
  await finds(alice, "theodora", [dora]);
  expect(await found(dora, "theodora")).toEqual([dora.userId]);
  await dora.setState(roomId, "m.room.join_rules", { join_rule: "invite" });
  await finds(alice, "theodora", []);
  expect(await found(dora, "theodora")).toEqual([]);
});

test("the best come first, and one is told that there are more", async () => {
  const sam = await named("sam", "Sam");
  const samuel = await named("samuel", "Samuel");
  const roomId = await samuel.createRoom({ preset: "public_chat" });
  await sam.post(`${roomPath(roomId)}/join`);
  await finds(alice, "sam", [sam, samuel]);
  const body = await alice.post("/user_directory/search", { search_term: "sam", limit: 1 });
  expect(body).toEqual({ limited: true, results: [{ user_id: sam.userId, display_name: "Sam" }] });
  expect((await alice.call("POST", "/user_directory/search", {})).body.errcode).toBe("M_MISSING_PARAM");
  expect((await alice.call("POST", "/user_directory/search", { search_term: 1 })).body.errcode).toBe("M_BAD_JSON");
});

test("who is locked or gone is not found", async () => {
  const eve = await named("eve", "Evelyn");
  await eve.createRoom({ preset: "public_chat" });
  await finds(alice, "evelyn", [eve]);
  await server.app.db`update users set locked = true where user_id = ${eve.userId}`;
  expect(await found(alice, "evelyn")).toEqual([]);
  await server.app.db`update users set locked = false where user_id = ${eve.userId}`;
  await eve.post("/account/deactivate", {
    auth: { type: "m.login.password", identifier: { type: "m.id.user", user: "eve" }, password: "sUp3r s3kr1t" },
  });
  expect(await found(alice, "evelyn")).toEqual([]);
  await eventually(async () => (await server.app.db`select from user_directory where user_id = ${eve.userId}`).length === 0);
});

test("members of other servers are known while somebody here is in a room with them", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat" });
  const { db, caches } = server.app;
  const nid = (await caches.rooms.byId(roomId))?.nid ?? 0;
  await db`
    insert into room_members (room_nid, user_id, membership, sender, event_nid, stream_ordering, is_local, display_name)
    values (${nid}, '@zoe:far.example', 'join', '@zoe:far.example', 1, 1, false, 'Zoe Far')`;
  await alice.setState(roomId, "m.room.join_rules", { join_rule: "invite" });
  await eventually(async () => (await found(alice, "zoe")).length === 1);
  await finds(bob, "zoe", []);
  await alice.post(`${roomPath(roomId)}/leave`);
  await eventually(async () => (await db`select from user_directory where user_id = '@zoe:far.example'`).length === 0);
});

test("whoever has the duty next goes on where the last one stopped", async () => {
  await stop();
  const position = await getConsumerPosition(server.app.db, "user_directory", "events");
  expect(position).toBeGreaterThan(0);
  const late = await named("late", "Latecomer");
  await late.createRoom({ preset: "public_chat" });
  expect(await found(alice, "latecomer")).toEqual([]);
  stop = startUserDirectory(server.app);
  await finds(alice, "latecomer", [late]);
});
