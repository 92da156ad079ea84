import { canonicalJson } from "../../../src/lib/canonicalJson";
import type { RoomEvent } from "../../../src/rooms/event";
import { storeRemoteEvent } from "../../../src/writers/remoteRpc";
import { joinPeer } from "../../builders/peerRoom";
import type { PeerRoom } from "../../builders/peerRoom";
import { roomPath } from "../rooms/harness";
import { createFederated } from "./harness";
import type { Federated } from "./harness";

/** Events that come in one transaction are stored together, and yet each is judged as if it had come alone. */
let f: Federated;
beforeAll(async () => {
  f = await createFederated();
});
afterAll(() => f.close());

const said = (body: string) => ({ sender: f.bob, content: { msgtype: "m.text", body } });
const count = async (sql: () => Promise<readonly { n: number }[]>): Promise<number> => (await sql())[0]?.n ?? 0;
const transactions = () =>
  count(() => f.server.app.db<{ n: number }>`select count(distinct xmin::text)::int4 as n from events where type = 'm.room.message'`);

async function joined(version = "10"): Promise<PeerRoom> {
  return joinPeer(f.peer, await f.room(version), f.bob, version);
}

test.each(["1", "10", "12"])("fifty events of a room of version %s, each on the one before, are one commit", async (version) => {
  const room = await joined(version);
  const before = await transactions();
  const events = Array.from({ length: 50 }, (_, i) => room.make(said(`${i}`)));
  expect(await room.send(...events)).toEqual(Object.fromEntries(events.map(({ eventId }) => [eventId, {}])));
  expect(await f.texts(room.roomId)).toEqual(events.map((_, i) => `${i}`));
  expect((await transactions()) - before).toBe(1);
});

test("state, members and what they may do move on within a transaction", async () => {
  const room = await joined();
  const carol = f.peer.user("carol");
  const member = (userId: string, membership: string) =>
    room.make({ type: "m.room.member", sender: userId, stateKey: userId, content: { membership } });
  const events = [
    member(carol, "join"),
    room.make({ ...said("from carol"), sender: carol }),
    member(carol, "leave"),
    // she is no longer there, so this is rejected and nothing rests on it
    room.fork({ ...said("from outside"), sender: carol }),
    room.make(said("from bob")),
  ];
  await room.send(...events);
  expect(await f.texts(room.roomId)).toEqual(["from carol", "from bob"]);
  const members = await f.alice.get(`${roomPath(room.roomId)}/members`);
  const states = (members.chunk as { state_key: string; content: { membership: string } }[]).map((event) => [
    event.state_key,
    event.content.membership,
  ]);
  expect(Object.fromEntries(states)[carol]).toBe("leave");
  const rejected = await f.server.app.db<{
    rejected: string | null;
  }>`select rejected from events where event_id = ${events[3]?.eventId ?? ""}`;
  expect(rejected[0]?.rejected).toEqual(expect.any(String));
});

test.each(["1", "11", "12"])("events of version %s come to the same whether they come together or alone", async (version) => {
  const carol = f.peer.user("carol");
  const story = (room: PeerRoom): RoomEvent[] => {
    const member = (membership: string, displayname = "Carol") =>
      room.make({ type: "m.room.member", sender: carol, stateKey: carol, content: { membership, displayname } });
    return [
      room.make(said("hello")),
      member("join"),
      member("join", "Caroline"),
      member("join", "Carol"),
      room.make({ ...said("from carol"), sender: carol }),
      // nobody gave her the power, and what follows rests on who sent it all the same
      room.fork({ type: "m.room.name", sender: carol, stateKey: "", content: { name: "hers" } }),
      member("leave"),
      room.fork({ ...said("from outside"), sender: carol }),
      room.make(said("goodbye")),
    ];
  };
  const [together, alone] = [await joined(version), await joined(version)];
  const events = [story(together), story(alone)];
  await together.send(...(events[0] ?? []));
  for (const { eventId, pdu } of events[1] ?? []) {
    const { unsigned: _unsigned, ...rest } = pdu;
    await storeRemoteEvent(f.server.app, alone.roomId, { eventId, json: canonicalJson(rest) });
  }
  const [one, two] = [await outcome(together, events[0] ?? []), await outcome(alone, events[1] ?? [])];
  expect(one).toEqual(two);
  expect(one.events.filter(({ rejected }) => rejected)).toHaveLength(2);
});

/** What the database says of a room and some of its events, without ids that only that room has. */
async function outcome({ roomId }: PeerRoom, events: readonly RoomEvent[]) {
  const { db, caches } = f.server.app;
  const nid = (await caches.rooms.byId(roomId))?.nid ?? 0;
  const ids = events.map(({ eventId }) => eventId);
  const rows = await db<{ eventId: string; group: number; replaces: string | null; rejected: boolean; softFailed: boolean; depth: number }>`
    select e.event_id as "eventId", e.state_group as "group", r.type as replaces, e.rejected is not null as rejected, e.soft_failed as "softFailed", e.depth
    from events e left join events r on r.nid = e.replaces_nid where e.event_id = any(${ids}::text[]) order by e.stream_ordering`;
  const groups = await caches.roomState.groups(rows.map(({ group }) => group));
  const [tip] = await db<{ depth: number; ends: number }>`
    select depth, cardinality(extremities) as ends from room_tips where room_nid = ${nid}`;
  const members = await db`select user_id, membership, display_name from room_members where room_nid = ${nid} order by user_id`;
  const [stats] = await db`select joined_members, local_members from room_stats where room_nid = ${nid}`;
  const deltas = await db<{ type: string }>`
    select k.type, d.prev_nid is null as "isNew" from current_state_deltas d join state_keys k using (key_nid) where d.room_nid = ${nid} order by d.stream_ordering, k.type`;
  return {
    tip,
    members,
    stats,
    deltas,
    events: rows.map(({ eventId, group, ...rest }) => ({ ...rest, n: ids.indexOf(eventId), state: groups.get(group)?.size })),
  };
}

test("branches within a transaction are resolved", async () => {
  const room = await joined();
  await f.alice.setState(room.roomId, "m.room.power_levels", { users: { [f.alice.userId]: 100, [f.bob]: 50 } });
  const levels = (
    await f.server.app.caches.roomState.event((await f.server.app.caches.rooms.byId(room.roomId))?.nid ?? 0, "m.room.power_levels", "")
  )?.row.json;
  room.take(JSON.parse(levels ?? "{}"));
  const topic = (text: string) => room.fork({ type: "m.room.topic", sender: f.bob, stateKey: "", content: { topic: text } });
  const [one, two] = [topic("one"), topic("two")];
  const merging = room.fork({ ...said("merging"), prev: [one, two] });
  await room.send(one, two, merging);
  expect(await f.texts(room.roomId)).toEqual(["merging"]);
  const state = await f.alice.get(`${roomPath(room.roomId)}/state/m.room.topic/`);
  expect(["one", "two"]).toContain(state.topic);
});

test("a redaction takes effect whichever comes first, and an event that comes twice is there once", async () => {
  const room = await joined();
  const [early, late, twice] = [room.make(said("early")), room.make(said("late")), room.make(said("twice"))];
  const redact = (target: string) => room.make({ type: "m.room.redaction", sender: f.bob, content: {}, redacts: target });
  await room.send(early, late, twice, twice, redact(early.eventId));
  const target = room.fork(said("redacted before it came"));
  const first = room.make({ type: "m.room.redaction", sender: f.bob, content: {}, redacts: target.eventId });
  await room.send(first, target, redact(late.eventId));
  // of the others nothing is left but that they were there
  expect((await f.texts(room.roomId)).filter((text) => text !== undefined)).toEqual(["twice"]);
});

test("a bad signature among good ones fails alone, with what rests on it", async () => {
  const room = await joined();
  const [good, bad] = [room.make(said("good")), room.fork(said("bad"))];
  const broken = { ...bad, pdu: { ...bad.pdu, signatures: { [f.peer.name]: { [f.peer.key.keyId]: "A".repeat(86) } } } };
  const after = room.make(said("after"));
  const answer = await room.send(good, broken, after);
  expect(answer).toEqual({ [good.eventId]: {}, [bad.eventId]: { error: expect.stringContaining("signature") }, [after.eventId]: {} });
  expect(await f.texts(room.roomId)).toEqual(["good", "after"]);
});

test("what we send meanwhile and what comes in take turns", async () => {
  const room = await joined();
  const theirs = Array.from({ length: 20 }, (_, i) => room.make(said(`theirs ${i}`)));
  const ours = Array.from({ length: 20 }, (_, i) => f.alice.text(room.roomId, `ours ${i}`));
  await Promise.all([room.send(...theirs), ...ours]);
  const texts = await f.texts(room.roomId);
  expect(texts.filter((text) => text.startsWith("theirs"))).toHaveLength(20);
  expect(texts.filter((text) => text.startsWith("ours"))).toHaveLength(20);
});
