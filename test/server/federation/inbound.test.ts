import type { JsonObject } from "../../../src/lib/json";
import type { RoomEvent } from "../../../src/rooms/event";
import { joinEnds } from "../../../src/handlers/rooms/joinEnds";
import { eventually } from "../../builders/eventually";
import { approve, createPeerRoom, hostRoom, joinPeer, walkBack } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

let f: Federated;

beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());

const v1 = "/_matrix/federation/v1";
const said = (body: string) => ({ sender: f.bob, content: { msgtype: "m.text", body } });

test.each(["1", "6", "10", "11", "12"])("a user of another server joins a room of version %s, speaks and leaves", async (version) => {
  const roomId = await f.room(version);
  const room = await joinPeer(f.peer, roomId, f.bob, version);
  expect(room.state.get("m.room.create\u0000")?.sender).toBe(f.alice.userId);
  const hello = room.make(said("hello"));
  expect(await room.send(hello)).toEqual({ [hello.eventId]: {} });
  expect(await f.texts(roomId)).toEqual(["hello"]);
  const members = async () => Object.keys((await f.alice.get(`${roomPath(roomId)}/joined_members`)).joined);
  expect(await members()).toContain(f.bob);
  await room.send(room.make({ type: "m.room.member", sender: f.bob, stateKey: f.bob, content: { membership: "leave" } }));
  expect(await members()).toEqual([f.alice.userId]);
});

test("a server that cannot speak the room's version is told so, and nobody joins for another server's user", async () => {
  const roomId = await f.room();
  const path = (userId: string, versions: string): string => `/make_join/${enc(roomId)}/${enc(userId)}?${versions}`;
  expect((await f.peer.call("GET", path(f.bob, "ver=1&ver=2"))).body).toMatchObject({
    errcode: "M_INCOMPATIBLE_ROOM_VERSION",
    room_version: "10",
  });
  expect((await f.peer.call("GET", path("@bob:elsewhere.example", "ver=10"))).status).toBe(403);
});

test("what is missing between is asked for", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const [one, two, three] = [room.make(said("one")), room.make(said("two")), room.make(said("three"))];
  f.peer.answer(`POST ${v1}/get_missing_events/${roomId}`, () => ({ events: [one.pdu, two.pdu] }));
  expect(await room.send(three)).toEqual({ [three.eventId]: {} });
  await eventually(async () => (await f.texts(roomId)).join() === "one,two,three");
});

test("what comes late stands in the history where it belongs, and takes nothing of what is newer from readers", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const late = room.fork(said("late"));
  const branch = ["one", "two", "three"].map((body) => room.make(said(body)));
  await room.send(...branch);
  const { next_batch: before } = await f.alice.get("/sync");
  await room.send(late);
  // what came last is not what is deepest
  expect(await f.texts(roomId)).toEqual(["one", "late", "two", "three"]);
  const { next_batch: after } = await f.alice.get("/sync");
  const page = async (from: string, limit: number) => {
    const { chunk, end } = await f.alice.get(`${roomPath(roomId)}/messages?dir=b&limit=${limit}&from=${from}`);
    return { texts: chunk.map(({ content }: { content: { body?: string } }) => content.body), end };
  };
  const first = await page(after, 2);
  expect(first.texts).toEqual(["three", "two"]);
  expect((await page(first.end, 2)).texts).toEqual(["late", "one"]);
  expect((await page(before, 3)).texts).toEqual(["three", "two", "one"]);
});

test("where too much is missing the other server's word on the state counts, and the rest is fetched when somebody reads back", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const before = [...room.state.values()].map(({ eventId }) => eventId);
  const [one, two, three] = [room.make(said("one")), room.make(said("two")), room.make(said("three"))];
  f.peer.answer(`POST ${v1}/get_missing_events/${roomId}`, () => ({ events: [two.pdu] }));
  f.peer.answer(`GET ${v1}/state_ids/${roomId}`, () => ({ pdu_ids: before, auth_chain_ids: before }));
  f.peer.answer(`GET ${v1}/backfill/${roomId}`, ({ query }) => ({ pdus: walkBack(room, query.getAll("v")).map(({ pdu }) => pdu) }));
  await room.send(three);
  await eventually(async () => (await f.texts(roomId)).join() === "one,two,three");
  expect(f.peer.requests.some(({ path }) => path.startsWith(`${v1}/state_ids/${roomId}`))).toBe(true);
  expect(one.depth).toBeLessThan(two.depth);
});

test("a state that only the other server knows is stored where the state that it resolves to is a change to it", async () => {
  const roomId = await f.alice.createRoom({
    preset: "public_chat",
    room_version: "10",
    power_level_content_override: { users_default: 50 },
  });
  const room = await joinPeer(f.peer, roomId, f.bob);
  const before = [...room.state.values()];
  const theirs = ["theirs.one", "theirs.two"].map((type) => room.fork({ type, sender: f.bob, stateKey: "", content: {} }));
  const ours = room.fork({ type: "ours", sender: f.bob, stateKey: "", content: {} });
  await room.send(ours);
  const unknown = room.fork({ ...said("unknown"), prev: theirs });
  const merging = room.fork({ ...said("merging"), prev: [ours, unknown] });
  const after = room.fork({ ...said("after"), prev: [merging] });
  const ids = [...before, ...theirs].map(({ eventId }) => eventId);
  f.peer.answer(`POST ${v1}/get_missing_events/${roomId}`, () => ({ events: [merging.pdu] }));
  f.peer.answer(`GET ${v1}/state_ids/${roomId}`, () => ({ pdu_ids: ids, auth_chain_ids: before.map(({ eventId }) => eventId) }));
  for (const event of [...theirs, unknown]) f.peer.answer(`GET ${v1}/event/${event.eventId}`, () => ({ pdus: [event.pdu] }));
  await room.send(after);
  await eventually(async () => (await f.texts(roomId)).join() === "merging,after");
  const dangling = await f.server.app.db`
    select id from state_groups g where prev_id is not null and not exists (select from state_groups p where p.id = g.prev_id)`;
  expect(dangling).toEqual([]);
  for (const type of ["theirs.one", "theirs.two", "ours"]) expect(await f.alice.get(`${roomPath(roomId)}/state/${type}`)).toEqual({});
});

test("events that the room no longer allows are kept back, and what follows them is not", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const [joined] = room.tip;
  const levels = await f.alice.get(`${roomPath(roomId)}/state/m.room.power_levels/`);
  await f.alice.setState(roomId, "m.room.power_levels", { ...levels, events: { ...levels.events, "m.room.message": 50 } });
  const late = room.make({ ...said("backdated"), prev: joined ? [joined] : [] });
  expect(await room.send(late)).toEqual({ [late.eventId]: {} });
  const other = room.make({ sender: f.bob, type: "m.sticker", content: { body: "sticker" } });
  await room.send(other);
  const { chunk } = await f.alice.get(`${roomPath(roomId)}/messages?dir=b&limit=3`);
  expect(chunk[0].event_id).toBe(other.eventId);
  expect(await f.texts(roomId)).toEqual([]);
});

test("a user joins a room of another server, reads what was said before, and is heard", async () => {
  const room = hostRoom(f.peer, f.bob);
  room.make(said("long ago"));
  expect((await f.alice.post(`/join/${enc(room.roomId)}?server_name=${enc(f.peer.name)}`)).room_id).toBe(room.roomId);
  expect(await f.texts(room.roomId)).toEqual(["long ago"]);
  await room.send(room.make(said("welcome")));
  expect(await f.texts(room.roomId)).toEqual(["long ago", "welcome"]);
});

test("a redaction that comes before its event takes effect when the event comes", async () => {
  const redactionOf = (redacts: string) => ({ type: "m.room.redaction", sender: f.bob, content: {}, redacts });
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const before = room.tip;
  const secret = room.make(said("secret"));
  const redaction = room.make({ ...redactionOf(secret.eventId), prev: before });
  await room.send(redaction);
  await room.send(secret);
  const shown = await f.alice.get(`${roomPath(roomId)}/event/${enc(secret.eventId)}`);
  expect(shown).toMatchObject({ content: {}, unsigned: { redacted_by: redaction.eventId } });

  const older = hostRoom(f.peer, f.bob);
  const past = older.make(said("long ago"));
  await f.alice.post(`/join/${enc(older.roomId)}?server_name=${enc(f.peer.name)}`);
  await older.send(older.make(redactionOf(past.eventId)));
  expect(await f.texts(older.roomId)).toEqual([undefined]);
});

test("what is redacted here in the moment in which it comes is redacted", async () => {
  const roomId = await f.room();
  const room = await joinPeer(f.peer, roomId, f.bob);
  const secrets = Array.from({ length: 20 }, (_, i) => room.make(said(`secret ${i}`)));
  const redact = (eventId: string) => f.alice.put(`${roomPath(roomId)}/redact/${enc(eventId)}/t${eventId}`, {});
  for (const secret of secrets) await Promise.all([room.send(secret), redact(secret.eventId)]);
  expect(await f.texts(roomId)).toEqual(secrets.map(() => undefined));
});

test("an invitation is signed, shown and taken back", async () => {
  const room = hostRoom(f.peer, f.bob);
  const invite = room.make({ type: "m.room.member", sender: f.bob, stateKey: f.alice.userId, content: { membership: "invite" } });
  const body = { event: invite.pdu, room_version: "10", invite_room_state: [] };
  const answer = await f.peer.call("PUT", `/_matrix/federation/v2/invite/${enc(room.roomId)}/${enc(invite.eventId)}`, body);
  expect(Object.keys(answer.body.event.signatures)).toEqual(expect.arrayContaining([f.peer.name, "test.local"]));
  expect((await f.alice.get("/sync")).rooms.invite).toHaveProperty([room.roomId]);
  await room.send(room.make({ type: "m.room.member", sender: f.bob, stateKey: f.alice.userId, content: { membership: "leave" } }));
  expect((await f.alice.get("/sync")).rooms?.invite ?? {}).not.toHaveProperty([room.roomId]);
});

test("state and history are for servers in the room, and what their users could not see is redacted", async () => {
  const roomId = await f.alice.createRoom({
    preset: "public_chat",
    room_version: "10",
    initial_state: [{ type: "m.room.history_visibility", state_key: "", content: { history_visibility: "joined" } }],
  });
  const secret = await f.alice.text(roomId, "before bob");
  const path = `/state_ids/${enc(roomId)}?event_id=${enc(secret)}`;
  expect((await f.peer.call("GET", path)).status).toBe(403);
  await joinPeer(f.peer, roomId, f.bob);
  const open = await f.alice.text(roomId, "with bob");
  expect((await f.peer.call("GET", path)).body.pdu_ids).toHaveLength(5);
  expect((await f.peer.call("GET", `/event/${enc(open)}`)).body.pdus[0].content.body).toBe("with bob");
  expect((await f.peer.call("GET", `/event/${enc(secret)}`)).body.pdus[0].content).toEqual({});
  const { pdus } = (await f.peer.call("GET", `/backfill/${enc(roomId)}?v=${enc(open)}&limit=3`)).body;
  expect(pdus.map((pdu: { content: { body?: string } }) => pdu.content.body)).toEqual(["with bob", undefined, undefined]);
});

test("EDUs reach whom they concern, a message to a device once", async () => {
  const roomId = await f.room();
  await joinPeer(f.peer, roomId, f.bob);
  const read = await f.alice.text(roomId, "read me");
  const edus = [
    { edu_type: "m.typing", content: { room_id: roomId, user_id: f.bob, typing: true } },
    { edu_type: "m.typing", content: { room_id: roomId, user_id: "@eve:elsewhere.example", typing: true } },
    { edu_type: "m.receipt", content: { [roomId]: { "m.read": { [f.bob]: { event_ids: [read], data: { ts: 1, thread_id: "main" } } } } } },
    {
      edu_type: "m.direct_to_device",
      content: { sender: f.bob, type: "m.test", message_id: "once", messages: { [f.alice.userId]: { "*": { n: 1 } } } },
    },
    { edu_type: "m.nonsense", content: {} },
    "nonsense",
  ];
  const send = (txn: string) => f.peer.call("PUT", `/send/${txn}`, { origin: f.peer.name, pdus: [], edus });
  expect((await send("edus1")).body).toEqual({ pdus: {} });
  expect((await send("edus2")).body).toEqual({ pdus: {} });
  const sync = await f.alice.get("/sync");
  const ephemeral = sync.rooms.join[roomId].ephemeral.events as { type: string; content: Record<string, unknown> }[];
  expect(ephemeral.find(({ type }) => type === "m.typing")?.content).toEqual({ user_ids: [f.bob] });
  expect(ephemeral.find(({ type }) => type === "m.receipt")?.content).toEqual({
    [read]: { "m.read": { [f.bob]: { ts: 1, thread_id: "main" } } },
  });
  expect(sync.to_device.events).toEqual([{ type: "m.test", sender: f.bob, content: { n: 1 } }]);
});

test("of two changes made at the same time the later one stands, whichever comes first", async () => {
  const roomId = await f.alice.createRoom({
    preset: "public_chat",
    room_version: "10",
    power_level_content_override: { users_default: 50 },
  });
  const room = await joinPeer(f.peer, roomId, f.bob);
  const topic = async () => (await f.alice.get(`${roomPath(roomId)}/state/m.room.topic`)).topic;
  const change = (type: string, content: JsonObject, ts: number) => room.fork({ type, sender: f.bob, stateKey: "", content, ts });
  await f.alice.setState(roomId, "m.room.topic", { topic: "ours" });
  await room.send(change("m.room.topic", { topic: "earlier" }, 1_000));
  expect(await topic()).toBe("ours");
  await room.send(change("m.room.topic", { topic: "later" }, Date.now() + 60_000));
  expect(await topic()).toBe("later");
  await room.send(change("m.room.name", { name: "only theirs" }, Date.now()));
  expect(await f.alice.get(`${roomPath(roomId)}/state/m.room.name`)).toEqual({ name: "only theirs" });
});

test("a knock is withdrawn with the help of those whom the room was heard of from", async () => {
  const room = createPeerRoom(f.peer, "!club:gone.example", "10");
  const state = (type: string, content: JsonObject, stateKey = "") => room.make({ type, sender: f.bob, stateKey, content });
  state("m.room.create", { creator: f.bob, room_version: "10" });
  state("m.room.member", { membership: "join" }, f.bob);
  const rule = state("m.room.join_rules", { join_rule: "knock" });
  const template = (membership: string) => () => {
    const { pdu } = room.fork({ type: "m.room.member", sender: f.alice.userId, stateKey: f.alice.userId, content: { membership } });
    const { signatures: _signatures, hashes: _hashes, ...event } = pdu;
    return { event, room_version: "10" };
  };
  for (const membership of ["knock", "leave"]) f.peer.answer(`GET ${v1}/make_${membership}/${room.roomId}`, template(membership));
  f.peer.answer(`PUT ${v1}/send_knock/${room.roomId}`, ({ body }) => {
    room.take(body);
    return { knock_room_state: [rule.pdu] };
  });
  const withdrawn: unknown[] = [];
  f.peer.answer(`PUT /_matrix/federation/v2/send_leave/${room.roomId}`, ({ body }) => (withdrawn.push(body.content.membership), {}));
  await f.alice.post(`/knock/${enc(room.roomId)}?via=${f.peer.name}`);
  await f.alice.post(`${roomPath(room.roomId)}/leave`);
  expect(withdrawn).toEqual(["leave"]);
});

test("a restricted room lets our members in through a server that may invite where nobody of ours may", async () => {
  const space = await f.alice.createRoom({ preset: "public_chat", room_version: "10" });
  const carol = await f.server.client("carol");
  await carol.post(`/join/${enc(space)}`);
  const room = hostRoom(f.peer, f.bob);
  room.make({ type: "m.room.power_levels", sender: f.bob, stateKey: "", content: { users: { [f.bob]: 100 }, invite: 50 } });
  await f.alice.post(`/join/${enc(room.roomId)}?via=${f.peer.name}`);
  const allow = [{ type: "m.room_membership", room_id: space }];
  const rule = { type: "m.room.join_rules", sender: f.bob, stateKey: "", content: { join_rule: "restricted", allow } };
  await room.send(room.make(rule));
  approve(f.peer, room, f.bob);
  await carol.post(`/join/${enc(room.roomId)}`);
  const member = await f.alice.get(`${roomPath(room.roomId)}/state/m.room.member/${carol.userId}`);
  expect(member).toMatchObject({ membership: "join", join_authorised_via_users_server: f.bob });
  const mallory = await f.server.client("mallory");
  expect((await mallory.call("POST", `/join/${enc(room.roomId)}`)).status).toBe(403);
});

test("an event cites ten ends of a room at most, and stands on the state of those; dummies tie the others together", async () => {
  const roomId = await f.alice.createRoom({
    preset: "public_chat",
    room_version: "10",
    power_level_content_override: { users_default: 50 },
  });
  const room = await joinPeer(f.peer, roomId, f.bob);
  const ends = Array.from({ length: 25 }, (_, i) => room.fork(said(`end ${i}`)));
  const named = room.fork({ type: "m.room.name", sender: f.bob, stateKey: "", content: { name: "a side branch" } });
  // all begin where the room began for the other server, this one later than that
  const deep = room.make(said("deep"));
  const deeper = room.fork(said("deeper"));
  await room.send(named, deep, deeper);
  await room.send(...ends);
  const open = async (): Promise<number> => {
    const [row] = await f.server.app.db<{ n: number }>`
      select cardinality(extremities) as n from room_tips join rooms using (room_nid) where room_id = ${roomId}`;
    return row?.n ?? 0;
  };
  expect(await open()).toBe(27);
  const eventId = await f.alice.setState(roomId, "m.room.topic", { topic: "ours" });
  const { pdus } = (await f.peer.call("GET", `/event/${enc(eventId)}`)).body;
  expect(pdus[0].prev_events).toHaveLength(10);
  expect(pdus[0].prev_events).toContain(deeper.eventId);
  expect(await open()).toBe(18);
  expect(await f.alice.get(`${roomPath(roomId)}/state/m.room.name`)).toEqual({ name: "a side branch" });
  // what other servers would say of the state there, from what is cited
  const { pdu_ids: state } = (await f.peer.call("GET", `/state_ids/${enc(roomId)}?event_id=${enc(eventId)}`)).body;
  expect(state.includes(named.eventId)).toBe(pdus[0].prev_events.includes(named.eventId));
  for (let i = 0; i < 5 && (await open()) > 10; i++) await joinEnds(f.server.app);
  expect(await open()).toBeLessThanOrEqual(10);
  expect(await f.texts(roomId)).toHaveLength(27);
  const types = (await f.alice.get(`${roomPath(roomId)}/messages?dir=b&limit=100`)).chunk.map(({ type }: { type: string }) => type);
  expect(types).not.toContain("org.matrix.dummy_event");
});

test("a server that wants no members gets those that name the room, and the servers in it", async () => {
  const carol = await f.server.client("carla");
  const join = async (roomId: string, userId: string) => {
    await carol.post(`/join/${enc(roomId)}`);
    const { event } = (await f.peer.call("GET", `/make_join/${enc(roomId)}/${enc(userId)}?ver=10`)).body;
    const room = createPeerRoom(f.peer, roomId, "10");
    const refs = (ids: string[]) => ids.map((eventId) => ({ eventId }) as RoomEvent);
    const { sender, content } = event;
    const made = room.fork({
      type: "m.room.member",
      sender,
      stateKey: sender,
      content,
      prev: refs(event.prev_events),
      auth: refs(event.auth_events),
    });
    return (await f.peer.call("PUT", `/_matrix/federation/v2/send_join/${enc(roomId)}/${enc(made.eventId)}?omit_members=true`, made.pdu))
      .body;
  };
  const keys = (pdus: { type: string; state_key: string }[]) => pdus.map(({ type, state_key }) => `${type} ${state_key}`);
  const named = await join(await f.alice.createRoom({ preset: "public_chat", room_version: "10", name: "Tea" }), f.bob);
  expect(named).toMatchObject({ members_omitted: true, servers_in_room: ["test.local"] });
  expect(keys(named.state).filter((key) => key.startsWith("m.room.member"))).toEqual([]);
  expect(keys(named.state)).toEqual(expect.arrayContaining(["m.room.create ", "m.room.name "]));
  // what the join and the rest rest on, once
  expect(keys(named.auth_chain)).toEqual([`m.room.member ${f.alice.userId}`]);
  const nameless = await join(await f.room(), f.bob);
  const heroes = [f.alice.userId, carol.userId].map((userId) => `m.room.member ${userId}`);
  expect(keys(nameless.state)).toEqual(expect.arrayContaining(heroes));
  expect(keys(nameless.auth_chain)).toEqual([]);
});

test("guests do not enter rooms that this server is not in", async () => {
  const room = hostRoom(f.peer, f.bob);
  const guest = await f.server.guest();
  const answer = await guest.call("POST", `/join/${enc(room.roomId)}?server_name=${f.peer.name}`, {});
  expect(answer).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN", error: "Guest access not allowed" } });
  expect(f.peer.requests.filter(({ path }) => path.includes(room.roomId))).toEqual([]);
});
