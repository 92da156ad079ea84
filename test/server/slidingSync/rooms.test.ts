import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { bodies, listOf, loopOf, slide, stateOf } from "./harness";

let server: RoomsServer;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  server = await createRoomsServer();
  [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
});
afterAll(() => server.close());

/** A user without rooms. */
let users = 0;
const somebody = (): Promise<Client> => server.client(`user${++users}`);

test("the server says that it can do it", async () => {
  const { unstable_features: features } = await alice.get("/_matrix/client/versions");
  expect(features).toMatchObject({ "org.matrix.simplified_msc3575": true });
});

test("a room is shown whole at first, then only its news", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ name: "Lobby", invite: [bob.userId], preset: "private_chat" });
  await carol.text(roomId, "one");
  const loop = loopOf(carol);
  const request = listOf({ timeline_limit: 1, required_state: [["m.room.create", ""]] });
  const first = await loop.next(request);
  expect(first.lists).toEqual({ all: { count: 1 } });
  expect(first.rooms[roomId]).toMatchObject({
    initial: true,
    name: "Lobby",
    membership: "join",
    lists: ["all"],
    joined_count: 1,
    invited_count: 1,
    limited: true,
    num_live: 0,
    notification_count: 0,
    highlight_count: 0,
    prev_batch: expect.any(String),
    bump_stamp: expect.any(Number),
  });
  expect(bodies(first.rooms[roomId])).toEqual(["one"]);
  expect(stateOf(first.rooms[roomId])).toEqual(["m.room.create"]);

  const quiet = await loop.next(request);
  expect(quiet).toMatchObject({ rooms: {}, lists: { all: { count: 1 } } });

  await bob.post(`/join/${enc(roomId)}`);
  const eventId = await bob.text(roomId, "two");
  const news = (await loop.next({ ...listOf({ timeline_limit: 5 }) })).rooms[roomId];
  expect(news.timeline.map(({ event_id: id }: { event_id: string }) => id)).toContain(eventId);
  expect(news).toMatchObject({ joined_count: 2, invited_count: 0, num_live: 2, notification_count: 1 });
  expect(news).not.toHaveProperty("initial");
  expect(news.bump_stamp).toBeGreaterThan(first.rooms[roomId].bump_stamp);
});

test("what was not acknowledged is said again, as often as it is asked for", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom();
  const loop = loopOf(carol);
  const { pos } = await loop.next(listOf());
  await carol.text(roomId, "once more");
  for (let i = 0; i < 3; i++) {
    const { body } = await slide(carol, listOf(), { pos });
    expect(bodies(body.rooms[roomId])).toEqual(["once more"]);
  }
});

test("positions that nobody knows make the client start over", async () => {
  const carol = await somebody();
  await carol.createRoom();
  const loop = loopOf(carol, "a");
  const first = await loop.next(listOf());
  await carol.createRoom();
  const second = await loop.next(listOf());
  await carol.createRoom();
  await loop.next(listOf());
  const request = { ...listOf(), conn_id: "a" };
  const attempts = {
    "an older one": slide(carol, request, { pos: first.pos }),
    nonsense: slide(carol, request, { pos: "gibberish" }),
    "one that never was": slide(carol, request, { pos: second.pos.replace(/^\d+/, "987654") }),
    "one of another connection": slide(carol, { ...listOf(), conn_id: "b" }, { pos: loop.pos ?? "" }),
    "one of another user": slide(bob, request, { pos: loop.pos ?? "" }),
  };
  for (const [what, answer] of Object.entries(attempts)) {
    expect([what, (await answer).status, (await answer).body.errcode]).toEqual([what, 400, "M_UNKNOWN_POS"]);
  }
  expect((await slide(carol, request, { pos: second.pos })).status).toBe(200);
});

test("lists are sorted by activity and cut to their windows", async () => {
  const carol = await somebody();
  const rooms: string[] = [];
  for (let i = 0; i < 4; i++) rooms.push(await carol.createRoom({ name: `${i}` }));
  await carol.text(rooms[0] ?? "", "bump");
  const loop = loopOf(carol);
  const window = (first: number, last: number) => listOf({ ranges: [[first, last]] });
  const top = await loop.next(window(0, 1));
  expect(top.lists.all.count).toBe(4);
  expect(Object.keys(top.rooms).sort()).toEqual([rooms[0], rooms[3]].sort());
  // The window grows: what was sent already is not sent again.
  expect(Object.keys((await loop.next(window(0, 9))).rooms).sort()).toEqual([rooms[1], rooms[2]].sort());
  // A room outside of the window moves into it with all that happened.
  await carol.text(rooms[1] ?? "", "a");
  await carol.text(rooms[2] ?? "", "b");
  expect(Object.keys((await loop.next(window(0, 0))).rooms)).toEqual([rooms[2]]);
  const last = await loop.next(window(0, 1));
  expect(Object.keys(last.rooms)).toEqual([rooms[1]]);
  expect(last.rooms[rooms[1] ?? ""]).not.toHaveProperty("initial");
  expect(bodies(last.rooms[rooms[1] ?? ""])).toEqual(["a"]);
});

test("a subscription brings more history and more state at once", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ topic: "Weather" });
  for (const text of ["1", "2", "3"]) await carol.text(roomId, text);
  const loop = loopOf(carol);
  const list = listOf({ timeline_limit: 1, required_state: [["m.room.create", ""]] });
  await loop.next(list);
  const wider = { timeline_limit: 3, required_state: [["m.room.topic", ""]] };
  const opened = (await loop.next({ ...list, room_subscriptions: { [roomId]: wider } })).rooms[roomId];
  expect(bodies(opened)).toEqual(["1", "2", "3"]);
  expect(opened).toMatchObject({ unstable_expanded_timeline: true, limited: true, num_live: 0 });
  expect(stateOf(opened)).toEqual(["m.room.topic"]);
  // Closed and opened again, with nothing missed in between.
  await loop.next(list);
  expect((await loop.next({ ...list, room_subscriptions: { [roomId]: wider } })).rooms).toEqual({});
  // A topic that changed while nobody asked for it is told of.
  await carol.setState(roomId, "m.room.topic", { topic: "Climate" });
  expect(stateOf((await loop.next(list)).rooms[roomId])).toEqual([]);
  const again = (await loop.next({ ...list, room_subscriptions: { [roomId]: wider } })).rooms[roomId];
  expect(stateOf(again)).toEqual(["m.room.topic"]);
});

describe("required state", () => {
  let roomId: string;
  let carol: Client;
  beforeAll(async () => {
    carol = await somebody();
    roomId = await carol.createRoom({ name: "State", preset: "public_chat" });
    await bob.post(`/join/${enc(roomId)}`);
    await alice.post(`/join/${enc(roomId)}`);
    await carol.setState(roomId, "org.example", { n: 1 }, "one");
    await carol.setState(roomId, "org.example", { n: 2 }, "two");
    await bob.text(roomId, "hello");
  });
  test.each<[name: string, patterns: string[][], shown: (me: string) => string[]]>([
    ["nothing", [], () => []],
    [
      "a pair",
      [
        ["m.room.name", ""],
        ["m.room.nothing", ""],
      ],
      () => ["m.room.name"],
    ],
    ["all of a type", [["org.example", "*"]], () => ["org.example one", "org.example two"]],
    ["a key of all types", [["*", "two"]], () => ["org.example two"]],
    ["oneself", [["m.room.member", "$ME"]], (me) => [`m.room.member ${me}`]],
    ["who is needed", [["m.room.member", "$LAZY"]], () => [`m.room.member ${bob.userId}`]],
    ["all members", [["m.room.member", "*"]], (me) => [alice.userId, bob.userId, me].map((user) => `m.room.member ${user}`).sort()],
  ])("%s", async (_, patterns, shown) => {
    const answer = await loopOf(carol).next(listOf({ timeline_limit: 1, required_state: patterns }));
    expect(stateOf(answer.rooms[roomId])).toEqual(shown(carol.userId));
  });
  test("everything; with lazy members all but those that nobody needs", async () => {
    const all = await loopOf(carol).next(listOf({ timeline_limit: 1, required_state: [["*", "*"]] }));
    const lazy = await loopOf(carol).next(
      listOf({
        timeline_limit: 1,
        required_state: [
          ["*", "*"],
          ["m.room.member", "$LAZY"],
        ],
      }),
    );
    const members = (keys: string[]) => keys.filter((key) => key.startsWith("m.room.member"));
    expect(members(stateOf(all.rooms[roomId]))).toHaveLength(3);
    expect(members(stateOf(lazy.rooms[roomId]))).toEqual([`m.room.member ${bob.userId}`]);
    expect(stateOf(lazy.rooms[roomId])).toContain("m.room.join_rules");
  });
});

test("a member is sent when it is needed, and once", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  await alice.post(`/join/${enc(roomId)}`);
  const loop = loopOf(carol);
  const request = listOf({ timeline_limit: 1, required_state: [["m.room.member", "$LAZY"]] });
  await alice.text(roomId, "first");
  expect(stateOf((await loop.next(request)).rooms[roomId])).toEqual([`m.room.member ${alice.userId}`]);
  await bob.text(roomId, "1");
  const { pos } = loop;
  expect(stateOf((await loop.next(request)).rooms[roomId])).toEqual([`m.room.member ${bob.userId}`]);
  // The answer got lost: nothing of it is taken as known.
  expect(stateOf((await slide(carol, request, { pos: pos ?? "" })).body.rooms[roomId])).toEqual([`m.room.member ${bob.userId}`]);
  await bob.text(roomId, "2");
  expect(stateOf((await loop.next(request)).rooms[roomId])).toEqual([]);
  // Changes of members are told as long as there is no gap.
  await alice.put(`/profile/${enc(alice.userId)}/displayname`, { displayname: "Alice" });
  expect(stateOf((await loop.next(request, { timeout: "10000" })).rooms[roomId])).toEqual([`m.room.member ${alice.userId}`]);
});

test("a room without a name has heroes", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ invite: [bob.userId], preset: "trusted_private_chat", is_direct: true });
  await bob.post(`/join/${enc(roomId)}`);
  await carol.put(`/user/${enc(carol.userId)}/account_data/m.direct`, { [bob.userId]: [roomId] });
  const loop = loopOf(carol);
  const room = (await loop.next(listOf())).rooms[roomId];
  expect(room).toMatchObject({ heroes: [{ user_id: bob.userId, displayname: "bob" }], is_dm: true });
  expect(room).not.toHaveProperty("name");
  await carol.setState(roomId, "m.room.avatar", { url: "mxc://test/a" });
  await carol.setState(roomId, "m.room.name", { name: "Named" });
  expect((await loop.next(listOf())).rooms[roomId]).toMatchObject({ avatar: "mxc://test/a", name: "Named" });
  await carol.setState(roomId, "m.room.avatar", {});
  const bare = (await loop.next(listOf())).rooms[roomId];
  expect(bare.avatar).toBeNull();
  expect(bare).not.toHaveProperty("name");
});

test("an invitation shows stripped state, a join after it the whole room, a leave is told once", async () => {
  const dave = await somebody();
  const loop = loopOf(dave);
  await loop.next(listOf());
  const roomId = await alice.createRoom({ name: "Club", invite: [dave.userId], preset: "private_chat" });
  await alice.text(roomId, "secret");
  const invited = (await loop.next(listOf())).rooms[roomId];
  expect(invited).toMatchObject({ initial: true, membership: "invite" });
  expect(invited.invite_state.map(({ type }: { type: string }) => type)).toEqual(expect.arrayContaining(["m.room.name", "m.room.member"]));
  expect(invited).not.toHaveProperty("timeline");
  expect((await loop.next(listOf())).rooms).toEqual({});
  await dave.post(`/join/${enc(roomId)}`);
  expect((await loop.next(listOf())).rooms[roomId]).toMatchObject({ initial: true, membership: "join", name: "Club" });
  await dave.post(`${roomPath(roomId)}/leave`);
  await alice.text(roomId, "gone");
  const left = await loop.next(listOf({ required_state: [["m.room.member", "$ME"]] }));
  expect(left.rooms[roomId]).toMatchObject({ membership: "leave" });
  expect(bodies(left.rooms[roomId])).toEqual([]);
  expect(left.rooms[roomId].required_state[0].content.membership).toBe("leave");
  expect(await loop.next(listOf())).toMatchObject({ rooms: {}, lists: { all: { count: 0 } } });
  // Coming back is like coming in.
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: dave.userId });
  await dave.post(`/join/${enc(roomId)}`);
  expect((await loop.next(listOf())).rooms[roomId]).toMatchObject({ initial: true, membership: "join" });
});

test("who was banned without ever having been in the room learns nothing of it", async () => {
  const erin = await somebody();
  const roomId = await alice.createRoom({ name: "Secret", preset: "private_chat" });
  await alice.text(roomId, "secret");
  await alice.post(`${roomPath(roomId)}/ban`, { user_id: erin.userId });
  const room = (await loopOf(erin).next(listOf({ required_state: [["*", "*"]] }))).rooms[roomId];
  expect(room.membership).toBe("ban");
  expect(stateOf(room)).toEqual([`m.room.member ${erin.userId}`]);
  expect(room.timeline.map(({ state_key: key }: { state_key: string }) => key)).toEqual([erin.userId]);
  expect(room).not.toHaveProperty("name");
  const v2 = await erin.get(`/sync?filter=${enc(JSON.stringify({ room: { include_leave: true } }))}`);
  expect(v2.rooms.leave[roomId].state.events).toEqual([]);
});

test("a request without news waits for some", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom();
  const loop = loopOf(carol);
  await loop.next(listOf());
  const waiting = loop.next(listOf(), { timeout: "30000" });
  await carol.text(roomId, "wake up");
  expect(bodies((await waiting).rooms[roomId])).toEqual(["wake up"]);
  expect((await loop.next(listOf(), { timeout: "50" })).rooms).toEqual({});
});

test("reading on, on another device, brings new counts", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  const eventId = await bob.text(roomId, "ping");
  const loop = loopOf(carol);
  expect((await loop.next(listOf())).rooms[roomId]).toMatchObject({ notification_count: 1 });
  await carol.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);
  expect((await loop.next(listOf())).rooms[roomId]).toEqual({ notification_count: 0, highlight_count: 0 });
});

test("messages of ignored users, and their invitations, are kept back", async () => {
  const carol = await somebody();
  const roomId = await carol.createRoom({ preset: "public_chat" });
  await bob.post(`/join/${enc(roomId)}`);
  await carol.put(`/user/${enc(carol.userId)}/account_data/m.ignored_user_list`, { ignored_users: { [bob.userId]: {} } });
  await bob.text(roomId, "spam");
  await bob.createRoom({ invite: [carol.userId] });
  const answer = await loopOf(carol).next(listOf());
  expect(Object.keys(answer.rooms)).toEqual([roomId]);
  expect(bodies(answer.rooms[roomId])).toEqual([]);
});

test.each<[what: string, body: object, query?: Record<string, string>]>([
  ["a list without a limit", { lists: { a: { required_state: [] } } }],
  ["a pattern of three", { lists: { a: { timeline_limit: 1, required_state: [["a", "b", "c"]] } } }],
  ["a range that ends before it starts", listOf({ ranges: [[2, 1]] })],
  ["a negative range", listOf({ ranges: [[-1, 1]] })],
  ["too many lists", { lists: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i, { timeline_limit: 1, required_state: [] }])) }],
  ["a filter of the wrong type", listOf({ filters: { is_dm: "yes" } })],
  ["a token of messages to devices that is none", { extensions: { to_device: { enabled: true, since: "x" } } }],
  ["an unknown presence", {}, { set_presence: "asleep" }],
])("refused: %s", async (_, body, query = {}) => {
  const answer = await slide(alice, body, query);
  expect(answer.status).toBe(400);
  expect(answer.body.errcode).toMatch(/^M_(INVALID_PARAM|BAD_JSON|MISSING_PARAM)$/);
});
