import type { RoomEvent } from "../../../src/rooms/event";
import { createPeer } from "../../builders/peer";
import type { Peer } from "../../builders/peer";
import { eventually } from "../../builders/eventually";
import { joinPeer, walkBack } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
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

/** A room of which the peer's last two events alone have come, and of what is before them only the state. */
async function withGap(make: (room: PeerRoom, hello: string) => void): Promise<{ room: PeerRoom; hello: string }> {
  const room = await joinPeer(f.peer, await f.room(), f.bob);
  const hello = room.make(said("hello"));
  await room.send(hello);
  const known = [...room.state.values()].map(({ eventId }) => eventId);
  make(room, hello.eventId);
  const [near, last] = [room.make(said("near")), room.make(said("last"))];
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [near.pdu] }));
  f.peer.answer(`GET ${v1}/state_ids/${room.roomId}`, () => ({ pdu_ids: known, auth_chain_ids: known }));
  const members = [...room.known.values()].filter(({ type }) => type === "m.room.member");
  f.peer.answer(`GET ${v1}/event_auth/${room.roomId}`, () => ({ auth_chain: members.map(({ pdu }) => pdu) }));
  await room.send(last);
  await eventually(async () => {
    const found = await f.server.app.caches.events.byId(last.eventId);
    return typeof found?.row.streamOrdering === "number";
  });
  return { room, hello: hello.eventId };
}

const historyOf = (peer: Peer, room: PeerRoom): void =>
  peer.answer(`GET ${v1}/backfill/${room.roomId}`, ({ query }) => ({ pdus: walkBack(room, query.getAll("v")).map(({ pdu }) => pdu) }));

test("a redaction in a gap takes effect when the gap is filled", async () => {
  const { room } = await withGap((given, hello) => {
    given.make(said("one"));
    given.make({ type: "m.room.redaction", sender: f.bob, content: {}, redacts: hello });
    given.make(said("two"));
  });
  historyOf(f.peer, room);
  await f.texts(room.roomId);
  expect(await f.texts(room.roomId)).toEqual([undefined, "one", "two", "near", "last"]);
});

test("what was in a gap stands on the state there", async () => {
  const rename = (displayname: string) => ({ type: "m.room.member", stateKey: f.bob, content: { membership: "join", displayname } });
  let between: RoomEvent | undefined;
  const { room } = await withGap((given) => {
    given.make({ ...rename("Bob"), sender: f.bob });
    between = given.make(said("between"));
    given.make({ ...rename("Bobby"), sender: f.bob });
  });
  historyOf(f.peer, room);
  expect(await f.texts(room.roomId)).toEqual(["hello", "between", "near", "last"]);
  const { state } = await f.alice.get(`${roomPath(room.roomId)}/context/${enc(between?.eventId ?? "")}?limit=0`);
  const bob = state.find((event: { state_key: string }) => event.state_key === f.bob);
  expect(bob.content.displayname).toBe("Bob");

  // what follows it is not lost, and stands on the state that the other server names
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [] }));
  const reply = room.fork({ ...said("reply"), prev: between ? [between] : [] });
  await room.send(reply);
  await eventually(async () => (await f.texts(room.roomId)).includes("reply"));
});

test("where one server does not have what is missing, the next one is asked", async () => {
  const other = await createPeer({ url: f.server.url, serverName: "test.local" });
  const { room } = await withGap((given) => void given.make(said("one")));
  await joinPeer(other, room.roomId, other.user("carol"));
  f.peer.answer(`GET ${v1}/backfill/${room.roomId}`, () => ({ pdus: [] }));
  historyOf(other, room);
  expect(await f.texts(room.roomId)).toEqual(["hello", "one", "near", "last"]);
  await other.close();
});

/** Has the peer take part in a room, and give all that it knows of it. */
async function withPeer(): Promise<PeerRoom> {
  const powerful = { preset: "public_chat", room_version: "10", power_level_content_override: { users_default: 50 } };
  const room = await joinPeer(f.peer, await f.alice.createRoom(powerful), f.bob);
  f.peer.answer(`GET ${v1}/event/`, ({ path }) => {
    const event = room.known.get(path.split("/").at(-1) ?? "");
    return event && { pdus: [event.pdu] };
  });
  f.peer.answer(`GET ${v1}/event_auth/${room.roomId}`, () => ({ auth_chain: [...room.known.values()].map(({ pdu }) => pdu) }));
  historyOf(f.peer, room);
  return room;
}

const isPlaced = ({ eventId }: RoomEvent) =>
  eventually(async () => {
    const found = await f.server.app.caches.events.byId(eventId);
    return typeof found?.row.streamOrdering === "number";
  });

/** A user of the peer's who is banned here, of which the peer does not know yet. */
async function banned(room: PeerRoom): Promise<string> {
  const carol = f.peer.user("carol");
  await room.send(room.make({ type: "m.room.member", sender: carol, stateKey: carol, content: { membership: "join" } }));
  await f.alice.post(`${roomPath(room.roomId)}/ban`, { user_id: carol });
  return carol;
}

test("a redaction that nobody is told of takes effect for who has read the event already", async () => {
  const room = await withPeer();
  const hello = room.make(said("hello"));
  await room.send(hello);
  const carol = await banned(room);
  expect(await f.texts(room.roomId)).toEqual(["hello"]);
  const redaction = room.make({ type: "m.room.redaction", sender: carol, content: {}, redacts: hello.eventId });
  await room.send(redaction);
  const stored = await f.server.app.caches.events.byId(redaction.eventId);
  expect(stored?.row.softFailed).toBe(true);
  expect(await f.texts(room.roomId)).toEqual([undefined]);
});

test("what is missing before events that nobody reads is fetched, too", async () => {
  const room = await withPeer();
  const carol = await banned(room);
  const known = [...room.state.values()].map(({ eventId }) => eventId);
  f.peer.answer(`GET ${v1}/state_ids/${room.roomId}`, () => ({ pdu_ids: known, auth_chain_ids: known }));
  room.make(said("one"));
  const edge = room.make(said("two"));
  const hidden = room.make({ ...said("hidden"), sender: carol });
  const last = room.make(said("last"));
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [hidden.pdu] }));
  await room.send(last);
  await isPlaced(last);
  const stored = await f.server.app.caches.events.byIds([hidden.eventId, edge.eventId]);
  expect(stored.get(hidden.eventId)?.row.softFailed).toBe(true);
  expect(stored.get(edge.eventId)?.row.streamOrdering).toBe(null);
  await eventually(async () => (await f.texts(room.roomId)).join() === "one,two,last");
});

const isPutOff = async ({ eventId }: RoomEvent): Promise<boolean> =>
  (await f.server.app.db`select from staged_pdus where event_id = ${eventId} and retry_ts > 0`).length > 0;

test("what rests on what nobody can be asked for waits until the server is back", async () => {
  const room = await withPeer();
  const [lost, last] = [room.make(said("lost")), room.make(said("last"))];
  let away = true;
  f.peer.stream(`POST ${v1}/get_missing_events/${room.roomId}`, (response) =>
    away ? void response.destroy() : void response.end(JSON.stringify({ events: [lost.pdu] })),
  );
  await room.send(last);
  await eventually(() => isPutOff(last));
  const waiting = room.make(said("waiting"));
  await room.send(waiting);
  await eventually(() => isPutOff(waiting));
  expect(await f.texts(room.roomId)).toEqual([]);
  away = false;
  // that the peer says anything shows that it is there
  await room.send();
  await eventually(async () => (await f.texts(room.roomId)).join() === "lost,last,waiting");
  await eventually(async () => (await f.server.app.db`select from staged_pdus`).length === 0);
});

test("where the server that sent an event cannot be asked what it rests on, another one is", async () => {
  const other = await createPeer({ url: f.server.url, serverName: "test.local" });
  const room = await withPeer();
  await joinPeer(other, room.roomId, other.user("carol"));
  const [lost, last] = [room.make(said("lost")), room.make(said("last"))];
  f.peer.stream(`POST ${v1}/get_missing_events/${room.roomId}`, (response) => void response.destroy());
  other.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [lost.pdu] }));
  await room.send(last);
  await eventually(async () => (await f.texts(room.roomId)).join() === "lost,last");
  await other.close();
});

test("what its server does not have is not waited for, nor asked of others", async () => {
  const other = await createPeer({ url: f.server.url, serverName: "test.local" });
  const room = await withPeer();
  await joinPeer(other, room.roomId, other.user("carol"));
  room.make(said("kept back"));
  const last = room.make(said("last"));
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [] }));
  await room.send(last);
  await eventually(async () => (await f.server.app.db`select from staged_pdus`).length === 0);
  expect(await f.texts(room.roomId)).toEqual([]);
  expect(other.requests.filter(({ path }) => path.includes("get_missing_events"))).toEqual([]);
  await other.close();
});

test("a state of which a part could not be fetched does not count", async () => {
  const room = await withPeer();
  const before = [...room.state.values()];
  const [one, two] = ["theirs.one", "theirs.two"].map((type) => room.make({ type, sender: f.bob, stateKey: "", content: {} }));
  room.make(said("unknown"));
  const near = room.make(said("near"));
  const last = room.make(said("last"));
  const ids = [...before.map(({ eventId }) => eventId), one?.eventId, two?.eventId];
  f.peer.answer(`GET ${v1}/state_ids/${room.roomId}`, () => ({ pdu_ids: ids, auth_chain_ids: [] }));
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [near.pdu] }));
  let asked = 0;
  f.peer.stream(`GET ${v1}/event/${two?.eventId}`, (response) =>
    asked++ === 0 ? void response.destroy() : void response.end(JSON.stringify({ pdus: [two?.pdu] })),
  );
  await room.send(last);
  await eventually(async () => asked > 0 && (await isPutOff(last)));
  const next = room.make(said("next"));
  await room.send(next);
  await isPlaced(next);
  for (const type of ["theirs.one", "theirs.two"])
    expect(await f.alice.call("GET", `${roomPath(room.roomId)}/state/${type}/`)).toMatchObject({ status: 200 });
});

test("what comes after its followers is no end of the room", async () => {
  const room = await withPeer();
  const ids = [...room.state.values()].map(({ eventId }) => eventId);
  f.peer.answer(`GET ${v1}/state_ids/${room.roomId}`, () => ({ pdu_ids: ids, auth_chain_ids: ids }));
  const unknown = room.make(said("unknown"));
  const late = room.make(said("late"));
  const near = room.make(said("near"));
  const last = room.make(said("last"));
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [near.pdu] }));
  await room.send(last);
  await isPlaced(last);
  f.peer.answer(`POST ${v1}/get_missing_events/${room.roomId}`, () => ({ events: [unknown.pdu] }));
  await room.send(late);
  await isPlaced(late);
  const ends = await f.server.app.db<{ id: string }>`
    select event_id as id from room_tips join rooms using (room_nid) join events on nid = any (extremities) where room_id = ${room.roomId}`;
  expect(ends.map(({ id }) => id)).toEqual([last.eventId]);
});

test("of an event that isn't here nobody can say that it is theirs to redact", async () => {
  const roomId = await f.room();
  const eve = await f.server.client("eve");
  await eve.post(`/join/${enc(roomId)}`);
  const path = `${roomPath(roomId)}/redact/${enc("$nowhere")}/t1`;
  expect(await eve.call("PUT", path, {})).toMatchObject({ status: 404, body: { errcode: "M_NOT_FOUND" } });
  expect(await f.alice.put(path, {})).toHaveProperty("event_id");
});
