import { requesterFor } from "../../../src/handlers/requester";
import { readHierarchy, tellHierarchy } from "../../../src/handlers/spaces/hierarchy";
import { createRemoteRooms } from "../../../src/handlers/spaces/remoteRooms";
import { notFound } from "../../../src/errors";
import type { JsonObject } from "../../../src/lib/json";
import { createRoomsServer, enc, roomPath, v1 } from "./harness";
import type { Client, RoomsServer } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
});
// New ones for each test: few hierarchies a second are told to a user.
beforeEach(async () => {
  const { currentTestName: name = "" } = expect.getState();
  [alice, bob] = [await server.client(`alice${name.length}`), await server.client(`bob${name.length}`)];
});
afterAll(() => server.close());

const space = (name: string, preset = "public_chat"): Promise<string> =>
  alice.createRoom({ name, preset, creation_content: { type: "m.space" } });
const child = (parent: string, roomId: string, content: object = {}): Promise<string> =>
  alice.setState(parent, "m.space.child", { via: ["test.local"], ...content }, roomId);
const hierarchy = (roomId: string, query = ""): string => v1(`${roomPath(roomId)}/hierarchy${query}`);
const names = (body: { rooms: { name: string }[] }): string[] => body.rooms.map(({ name }) => name);

/** A space with an open and a hidden room and a space below it, which has the root as a child, too. */
async function tree() {
  const [root, below] = [await space("root"), await space("below")];
  const open = await alice.createRoom({ name: "open", preset: "public_chat" });
  const hidden = await alice.createRoom({ name: "hidden" });
  const deep = await alice.createRoom({ name: "deep", preset: "public_chat" });
  await child(root, open, { order: "b", suggested: true });
  await child(root, below, { order: "a" });
  await child(root, hidden);
  await child(below, deep);
  await child(below, root);
  return { root, below, open, hidden, deep };
}

test("a tree is walked depth first, each room once, without what the reader may not know", async () => {
  const { root, open, below, hidden } = await tree();
  const body = await alice.get(hierarchy(root));
  expect(names(body)).toEqual(["root", "below", "deep", "open", "hidden"]);
  expect(body.rooms[0].children_state.map((event: JsonObject) => event["state_key"])).toEqual([below, open, hidden]);
  expect(body.rooms[0]).toMatchObject({
    room_id: root,
    room_type: "m.space",
    join_rule: "public",
    num_joined_members: 1,
    world_readable: false,
  });
  expect(body.rooms[0].children_state[0]).toMatchObject({ sender: alice.userId, origin_server_ts: expect.any(Number) });
  expect(body.rooms[2].children_state).toEqual([]);
  expect(names(await bob.get(hierarchy(root)))).toEqual(["root", "below", "deep", "open"]);
  expect(names(await bob.get(hierarchy(root, "?max_depth=1")))).toEqual(["root", "below", "open"]);
  expect(names(await bob.get(hierarchy(root, "?suggested_only=true")))).toEqual(["root", "open"]);
  const old = `/_matrix/client/unstable/org.matrix.msc2946${roomPath(root)}/hierarchy`;
  expect(await bob.get(old)).toEqual(await bob.get(hierarchy(root)));
  expect((await bob.call("GET", hierarchy(hidden))).body.errcode).toBe("M_FORBIDDEN");
  expect((await bob.call("GET", hierarchy("!nowhere:test.local"))).body.errcode).toBe("M_FORBIDDEN");
  for (const query of ["?limit=0", "?max_depth=-1", "?from=nonsense", "?suggested_only=maybe", "?from=%00"]) {
    expect((await bob.call("GET", hierarchy(root, query))).status).toBe(400);
  }
});

test("pages follow each other, for who began and with what they began with", async () => {
  const { root } = await tree();
  const first = await bob.get(hierarchy(root, "?limit=3"));
  expect(names(first)).toEqual(["root", "below", "deep"]);
  const from = `from=${first.next_batch}`;
  expect((await bob.call("GET", hierarchy(root, `?max_depth=1&${from}`))).body.errcode).toBe("M_INVALID_PARAM");
  expect((await alice.call("GET", hierarchy(root, `?${from}`))).body.errcode).toBe("M_INVALID_PARAM");
  const second = await bob.get(hierarchy(root, `?limit=3&${from}`));
  expect(names(second)).toEqual(["open"]);
  expect(second.next_batch).toBeUndefined();
});

test("a restricted room is shown to the members of its space, and an invited user sees the room", async () => {
  const root = await space("root");
  const restricted = await alice.createRoom({
    name: "restricted",
    initial_state: [
      {
        type: "m.room.join_rules",
        state_key: "",
        content: { join_rule: "restricted", allow: [{ type: "m.room_membership", room_id: root }] },
      },
    ],
  });
  await child(root, restricted);
  const carol = await server.client("carol");
  expect(names(await carol.get(hierarchy(root)))).toEqual(["root"]);
  await carol.post(`${roomPath(root)}/join`);
  const body = await carol.get(hierarchy(root));
  expect(body.rooms[1]).toMatchObject({ room_id: restricted, join_rule: "restricted", allowed_room_ids: [root] });

  const summary = (roomId: string): string => v1(`/room_summary/${enc(roomId)}`);
  expect(await carol.get(summary(restricted))).toMatchObject({ name: "restricted", membership: "leave" });
  expect((await bob.call("GET", summary(restricted))).body.errcode).toBe("M_NOT_FOUND");
  await alice.post(`${roomPath(restricted)}/invite`, { user_id: bob.userId });
  expect(await bob.get(summary(restricted))).toMatchObject({ name: "restricted", membership: "invite" });
});

test("a summary is found by alias and by strangers, where anybody may come in", async () => {
  const roomId = await alice.createRoom({ name: "open", preset: "public_chat", room_alias_name: "open" });
  const path = v1(`/room_summary/${enc("#open:test.local")}`);
  const answer = await server.call("GET", path);
  expect(answer.body).toMatchObject({
    room_id: roomId,
    name: "open",
    canonical_alias: "#open:test.local",
    room_version: expect.any(String),
  });
  expect(answer.body.membership).toBeUndefined();
  expect(await alice.get(`/_matrix/client/unstable/im.nheko.summary/summary/${enc(roomId)}`)).toMatchObject({ membership: "join" });
  expect(await alice.get(`/_matrix/client/unstable/im.nheko.summary/rooms/${enc(roomId)}/summary`)).toMatchObject({ membership: "join" });
  expect((await server.call("GET", v1(`/room_summary/${enc("!nowhere:test.local")}`))).body.errcode).toBe("M_NOT_FOUND");
  expect((await server.call("GET", v1("/room_summary/nonsense"))).body.errcode).toBe("M_INVALID_PARAM");
});

/** Another server's space with an open room, a hidden one, and one of which it tells nonsense. */
const elsewhere: JsonObject = {
  room: {
    room_id: "!space:far.example",
    name: "far",
    room_type: "m.space",
    join_rule: "public",
    num_joined_members: 3,
    world_readable: "yes",
    children_state: ["!a:far.example", "!b:far.example", "!c:far.example"].map((state_key) => ({
      type: "m.space.child",
      state_key,
      content: { via: ["far.example"] },
      sender: "@x:far.example",
      origin_server_ts: 1,
    })),
  },
  children: [
    { room_id: "!a:far.example", name: "a", join_rule: "public", num_joined_members: "many" },
    { room_id: "!b:far.example", name: "b", join_rule: "invite" },
  ],
  inaccessible_children: ["!c:far.example"],
};

test("what nobody here is in is asked of other servers, once", async () => {
  const root = await space("root");
  await child(root, "!space:far.example", { via: ["gone.example", "far.example"] });
  const asked: string[] = [];
  const get = (destination: string, path: string): Promise<JsonObject> => {
    asked.push(`${destination}${path}`);
    return destination === "far.example" ? Promise.resolve(elsewhere) : Promise.reject(notFound("no"));
  };
  const remoteRooms = createRemoteRooms({ client: { get }, clock: server.app.clock, serverName: "test.local" });
  const request = { roomId: root, choice: "all", maxDepth: undefined, limit: undefined, from: undefined } as const;
  const read = (): Promise<JsonObject> => readHierarchy({ ...server.app, remoteRooms }, requesterFor(alice.userId), request);
  const { rooms } = (await read()) as { rooms: JsonObject[] };
  expect(rooms.map((room) => room["name"])).toEqual(["root", "far", "a"]);
  expect(rooms[1]).toMatchObject({ world_readable: false, num_joined_members: 3, children_state: [{}, {}, {}] });
  expect(rooms[2]).toMatchObject({ num_joined_members: 0, children_state: [] });
  await read();
  const path = `/_matrix/federation/v1/hierarchy/${enc("!space:far.example")}`;
  expect(asked).toEqual([`gone.example${path}`, `far.example${path}`]);
});

test("other servers are told what their users may know", async () => {
  const { root, open, below, hidden } = await tree();
  const told = await tellHierarchy(server.app, "far.example", root, "all");
  expect(told["room"]).toMatchObject({ room_id: root, children_state: [{ state_key: below }, { state_key: open }, { state_key: hidden }] });
  expect((told["children"] as JsonObject[]).map((room) => room["room_id"]).sort()).toEqual([open, below].sort());
  expect(told["inaccessible_children"]).toEqual([hidden]);
  await expect(tellHierarchy(server.app, "far.example", hidden, "all")).rejects.toMatchObject({ status: 404 });
  await alice.setState(root, "m.room.server_acl", { allow: ["*"], deny: ["far.example"] });
  await expect(tellHierarchy(server.app, "far.example", root, "all")).rejects.toMatchObject({ status: 404 });
});
