import { createRoomsServer, enc, roomPath } from "./harness";
import type { Answer, Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = [await server.client("alice"), await server.client("bob")];
});
afterAll(() => server.close());

const state = (client: Client, roomId: string, type: string, key = ""): Promise<Answer["body"]> =>
  client.get(`${roomPath(roomId)}/state/${type}/${enc(key)}`);
const upgrade = async (client: Client, roomId: string, version: string, more: Record<string, unknown> = {}): Promise<string> =>
  (await client.post(`${roomPath(roomId)}/upgrade`, { new_version: version, ...more })).replacement_room;

/** A room of Alice's with Bob in it, and with much of what can be copied. */
async function furnishedRoom(version: string): Promise<string> {
  const roomId = await alice.createRoom({
    room_version: version,
    preset: "public_chat",
    visibility: "public",
    creation_content: { type: "m.space", "m.federate": false },
    name: "old name",
    topic: "old topic",
    initial_state: [
      { type: "m.room.avatar", state_key: "", content: { url: "mxc://test.local/a" } },
      { type: "m.room.server_acl", state_key: "", content: { allow: ["*"] } },
      { type: "m.room.history_visibility", state_key: "", content: { history_visibility: "joined" } },
      { type: "m.space.child", state_key: "!child:test.local", content: { via: ["test.local"] } },
      { type: "org.example", state_key: "", content: { stays: "here" } },
    ],
  });
  await bob.post(`${roomPath(roomId)}/join`);
  await alice.post(`${roomPath(roomId)}/ban`, { user_id: "@banned:test.local", reason: "spam" });
  return roomId;
}

test.each([
  ["1", "2"],
  ["6", "11"],
  ["10", "12"],
  ["12", "11"],
  ["12", "12"],
])("from version %s to %s: state, bans, listing and tombstone", async (from, to) => {
  const old = await furnishedRoom(from);
  const levels = await state(alice, old, "m.room.power_levels");
  const created = await upgrade(alice, old, to);
  const create = await state(alice, created, "m.room.create");
  expect(create).toMatchObject({ room_version: to, type: "m.space", "m.federate": false, predecessor: { room_id: old } });
  const tombstone = await alice.get(`${roomPath(old)}/state/m.room.tombstone/?format=event`);
  expect(tombstone).toMatchObject({ sender: alice.userId, content: { replacement_room: created } });
  expect(create.predecessor.event_id).toBe(to === "12" ? undefined : tombstone.event_id);
  for (const type of ["name", "topic", "avatar", "server_acl", "history_visibility", "join_rules"]) {
    expect(await state(alice, created, `m.room.${type}`)).toEqual(await state(alice, old, `m.room.${type}`));
  }
  expect(await state(alice, created, "m.room.guest_access")).toEqual({ guest_access: "can_join" });
  expect(await state(alice, created, "m.space.child", "!child:test.local")).toEqual({ via: ["test.local"] });
  expect(await state(alice, created, "m.room.member", "@banned:test.local")).toEqual({ membership: "ban", reason: "spam" });
  expect((await alice.call("GET", `${roomPath(created)}/state/org.example/`)).status).toBe(404);
  const users = to === "12" ? {} : { [alice.userId]: 100 };
  expect(await state(alice, created, "m.room.power_levels")).toEqual({ ...levels, users });
  expect(await state(alice, old, "m.room.power_levels")).toMatchObject({ events_default: 50, invite: 50 });
  expect((await alice.get(`/directory/list/room/${enc(created)}`)).visibility).toBe("public");
  expect((await alice.get(`/directory/list/room/${enc(old)}`)).visibility).toBe("private");
  expect((await bob.call("PUT", `${roomPath(old)}/send/m.room.message/${from}${to}`, { body: "" })).status).toBe(403);
  // The client that did not hear the answer asks again.
  expect(await upgrade(alice, old, to)).toBe(created);
});

test("aliases move to the new room", async () => {
  const old = await alice.createRoom({ room_alias_name: "moving" });
  const [alias, other] = ["#moving:test.local", "#second:test.local"];
  await alice.put(`/directory/room/${enc(other)}`, { room_id: old });
  await alice.setState(old, "m.room.canonical_alias", { alias, alt_aliases: [other] });
  const created = await upgrade(alice, old, "11");
  expect(await state(alice, old, "m.room.canonical_alias")).toEqual({});
  expect(await state(alice, created, "m.room.canonical_alias")).toEqual({ alias, alt_aliases: [other] });
  for (const name of [alias, other]) expect((await alice.get(`/directory/room/${enc(name)}`)).room_id).toBe(created);
});

test("a moderator may upgrade where tombstones are theirs to send, and has no more power afterwards", async () => {
  const old = await furnishedRoom("10");
  const levels = await state(alice, old, "m.room.power_levels");
  const changed = { ...levels, users: { [alice.userId]: 100, [bob.userId]: 50 }, events: { ...levels.events, "m.room.tombstone": 50 } };
  await alice.setState(old, "m.room.power_levels", changed);
  const created = await upgrade(bob, old, "11");
  expect(await state(bob, created, "m.room.power_levels")).toEqual(changed);
  expect(await state(bob, old, "m.room.power_levels")).toEqual(changed);
});

test("levels written as text become numbers, and those above 100 stay", async () => {
  const old = await alice.createRoom({
    room_version: "5",
    power_level_content_override: { users: { [alice.userId]: "500" }, users_default: "80", junk: "7" },
  });
  const created = await upgrade(alice, old, "10");
  expect(await state(alice, created, "m.room.power_levels")).toMatchObject({
    users: { [alice.userId]: 500 },
    users_default: 80,
    junk: "7",
  });
  expect(await state(alice, old, "m.room.power_levels")).toMatchObject({ events_default: 81, invite: 81 });
});

test("version 12 takes further creators from the request alone", async () => {
  const old = await furnishedRoom("12");
  expect((await alice.call("POST", `${roomPath(old)}/upgrade`, { new_version: "12", additional_creators: ["nobody"] })).body.errcode).toBe(
    "M_INVALID_PARAM",
  );
  const created = await upgrade(alice, old, "12", { additional_creators: [bob.userId] });
  expect((await state(alice, created, "m.room.create")).additional_creators).toEqual([bob.userId]);
});

test("a join rule that the new version lacks becomes invite", async () => {
  const old = await alice.createRoom({ room_version: "10" });
  await alice.setState(old, "m.room.join_rules", { join_rule: "restricted", allow: [] });
  const created = await upgrade(alice, old, "7");
  expect(await state(alice, created, "m.room.join_rules")).toEqual({ join_rule: "invite" });
});

test("tags, direct chats and push rules follow the upgrader at once and the others when they join", async () => {
  const old = await furnishedRoom("10");
  for (const { userId, put } of [alice, bob]) {
    await put(`/user/${enc(userId)}${roomPath(old)}/tags/u.tag`, { order: 1 });
    await put(`/user/${enc(userId)}/account_data/m.direct`, { "@x:test.local": [old] });
    await put(`/pushrules/global/room/${enc(old)}`, { actions: ["notify"] });
  }
  const created = await upgrade(alice, old, "11");
  await bob.post(`${roomPath(created)}/join`);
  for (const { userId, get } of [alice, bob]) {
    expect((await get(`/user/${enc(userId)}${roomPath(created)}/tags`)).tags).toEqual({ "u.tag": { order: 1 } });
    expect((await get(`/user/${enc(userId)}/account_data/m.direct`))["@x:test.local"]).toContain(created);
    expect((await get("/pushrules/global/")).room.map((rule: { rule_id: string }) => rule.rule_id)).toContain(created);
  }
});

test("a room that claims to be another's successor gets nothing of it", async () => {
  const old = await alice.createRoom({ preset: "public_chat", room_alias_name: "claimed", visibility: "public" });
  const fake = await bob.createRoom({ preset: "public_chat", creation_content: { predecessor: { room_id: old } } });
  await alice.post(`${roomPath(fake)}/join`);
  expect((await alice.get(`/directory/room/${enc("#claimed:test.local")}`)).room_id).toBe(old);
  expect((await alice.get(`/directory/list/room/${enc(old)}`)).visibility).toBe("public");
});

test("who may not upgrade, and to what", async () => {
  const old = await furnishedRoom("10");
  const refused = async (client: Client, roomId: string, version: string): Promise<[number, string]> => {
    const { status, body } = await client.call("POST", `${roomPath(roomId)}/upgrade`, { new_version: version });
    return [status, body.errcode];
  };
  expect(await refused(alice, old, "nonsense")).toEqual([400, "M_UNSUPPORTED_ROOM_VERSION"]);
  expect(await refused(bob, old, "11")).toEqual([403, "M_FORBIDDEN"]);
  expect(await refused(await server.client("stranger"), old, "11")).toEqual([403, "M_FORBIDDEN"]);
  expect(await refused(alice, "!nothing:test.local", "11")).toEqual([404, "M_NOT_FOUND"]);
  expect((await alice.call("PUT", `${roomPath(old)}/state/m.room.tombstone/`, { replacement_room: old })).status).toBe(400);
});
