import { unneededStateGroups } from "../../../src/storage/purgeHistory";
import { joinPeer, walkBack } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import type { Client } from "../rooms/harness";
import { createAdministered } from "./harness";
import type { Administered } from "./harness";

let a: Administered;
let alice: Client;

beforeAll(async () => {
  a = await createAdministered();
  alice = a.alice;
});
afterAll(() => a.close());

interface Shown {
  readonly event_id: string;
  readonly type: string;
}
const roomIn = async (client: Client, roomId: string) => (await client.get("/sync?timeout=0")).rooms.join[roomId];
const typesOf = (events: readonly Shown[]): string[] => events.map(({ type }) => type);

async function roomWith(texts: readonly string[]): Promise<{ roomId: string; ids: string[] }> {
  const roomId = await alice.createRoom({ preset: "public_chat", name: "A room" });
  const ids: string[] = [];
  for (const text of texts) ids.push(await alice.text(roomId, text));
  return { roomId, ids };
}

test("only administrators may, and only what makes sense", async () => {
  const { roomId, ids } = await roomWith(["one"]);
  const path = `/_synapse/admin/v1/purge_history/${enc(roomId)}`;
  expect((await alice.call("POST", `${path}/${enc(ids[0] ?? "")}`, {})).body.errcode).toBe("M_FORBIDDEN");
  expect((await a.manage("POST", `/v1/purge_history/${enc(roomId)}`, {})).body.errcode).toBe("M_BAD_JSON");
  expect((await a.manage("POST", `/v1/purge_history/${enc(roomId)}/${enc("$no:where")}`, {})).status).toBe(404);
  expect((await a.manage("POST", `/v1/purge_history/${enc("!no:where")}`, { purge_up_to_ts: 1 })).status).toBe(404);
  const other = await roomWith(["elsewhere"]);
  expect((await a.manage("POST", `/v1/purge_history/${enc(roomId)}/${enc(other.ids[0] ?? "")}`, {})).status).toBe(400);
  expect((await a.manage("GET", "/v1/purge_history_status/none")).status).toBe(404);
});

test("what came before an event goes; the state, the newest event, counts and the room itself go on", async () => {
  const { roomId, ids } = await roomWith(["one"]);
  const bob = await a.server.client("bob");
  await bob.post(`/join/${enc(roomId)}`);
  await bob.post(`${roomPath(roomId)}/receipt/m.read/${enc(ids[0] ?? "")}`);
  const before = await bob.get("/sync?timeout=0");
  for (let i = 2; i <= 10; i++) ids.push(await alice.text(roomId, `message ${i}`));
  const last = ids.at(-1) ?? "";
  expect((await roomIn(bob, roomId)).unread_notifications.notification_count).toBe(9);
  expect(await a.purge(`${enc(roomId)}/${enc(last)}`)).toEqual({ status: "complete" });

  const room = await roomIn(bob, roomId);
  expect(room.timeline.events.map((event: Shown) => event.event_id)).toEqual([last]);
  expect(typesOf(room.state.events)).toEqual(
    expect.arrayContaining(["m.room.create", "m.room.member", "m.room.power_levels", "m.room.name"]),
  );
  expect(room.unread_notifications.notification_count).toBe(1);
  // A client that was there before hears of what is left.
  const later = await bob.get(`/sync?timeout=0&since=${before.next_batch}`);
  expect(later.rooms.join[roomId].timeline.events.map((event: Shown) => event.event_id)).toEqual([last]);
  expect(await a.texts(roomId)).toEqual(["message 10"]);
  // Messages of our own users are kept, but nobody sees them.
  expect((await alice.call("GET", `${roomPath(roomId)}/event/${enc(ids[1] ?? "")}`)).status).toBe(404);

  await alice.setState(roomId, "m.room.topic", { topic: "on and on" });
  await bob.text(roomId, "hello");
  await alice.text(roomId, "new");
  expect(await a.texts(roomId)).toEqual(["message 10", "hello", "new"]);
  expect((await roomIn(bob, roomId)).unread_notifications.notification_count).toBe(1);
});

test("by time, and with it the messages of our own users and the states that nobody needs", async () => {
  const { roomId, ids } = await roomWith(["one"]);
  // So many that there is a new snapshot among their states.
  for (const topic of [..."abcdefghijkl"]) await alice.setState(roomId, "m.room.topic", { topic });
  await alice.text(roomId, "two");
  const { db, caches } = a.server.app;
  const nid = (await caches.rooms.byId(roomId))?.nid ?? 0;
  const groups = async () => (await db`select 1 from state_groups where room_nid = ${nid}`).length;
  const before = await groups();
  const ts = Date.now();
  // Kept at first, and then not.
  expect(await a.purge(enc(roomId), { purge_up_to_ts: ts })).toEqual({ status: "complete" });
  expect(await caches.events.byId(ids[0] ?? "")).toBeDefined();
  expect(await a.purge(enc(roomId), { purge_up_to_ts: ts, delete_local_events: true })).toEqual({ status: "complete" });
  expect(await caches.events.byId(ids[0] ?? "")).toBeUndefined();
  expect(await a.texts(roomId)).toEqual(["two"]);
  expect(await groups()).toBeLessThan(before);
  expect(await unneededStateGroups(db, nid)).toEqual([]);
  expect((await alice.get(`${roomPath(roomId)}/state/m.room.topic`)).topic).toBe("l");
  await alice.text(roomId, "three");
  expect(await a.texts(roomId)).toEqual(["two", "three"]);
});

test("who left reads no state of later, though it is gone when that was", async () => {
  const { roomId } = await roomWith(["one"]);
  const carol = await a.server.client("carol");
  await carol.post(`/join/${enc(roomId)}`);
  await carol.post(`${roomPath(roomId)}/leave`);
  await alice.setState(roomId, "m.room.name", { name: "secret" });
  const last = await alice.text(roomId, "last");
  await a.purge(`${enc(roomId)}/${enc(last)}`);
  expect((await carol.get(`${roomPath(roomId)}/state/m.room.name`)).name).toBe("A room");
});

test("an open invitation still shows the room", async () => {
  const { roomId } = await roomWith([]);
  const dora = await a.server.client("dora");
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: dora.userId });
  const last = await alice.text(roomId, "last");
  await a.purge(`${enc(roomId)}/${enc(last)}`);
  const { invite_state: state } = (await dora.get("/sync?timeout=0")).rooms.invite[roomId];
  expect(typesOf(state.events)).toContain("m.room.name");
});

test("what was purged comes back from other servers when somebody reads on", async () => {
  const roomId = await a.room();
  const room = await joinPeer(a.peer, roomId, a.bob);
  const events = ["one", "two", "three", "four"].map((body) => room.make({ sender: a.bob, content: { msgtype: "m.text", body } }));
  await room.send(...events);
  expect(await a.texts(roomId)).toEqual(["one", "two", "three", "four"]);
  await a.purge(`${enc(roomId)}/${enc(events[3]?.eventId ?? "")}`);
  const { timeline } = await roomIn(alice, roomId);
  expect(timeline.events.map((event: Shown) => event.event_id)).toEqual([events[3]?.eventId]);
  a.peer.answer(`GET /_matrix/federation/v1/backfill/${roomId}`, ({ query }) => ({
    pdus: walkBack(room, query.getAll("v")).map(({ pdu }) => pdu),
  }));
  const page = await alice.get(`${roomPath(roomId)}/messages?dir=b&limit=20&from=${enc(timeline.prev_batch)}`);
  const texts = page.chunk.flatMap((event: Shown & { content: { body: string } }) =>
    event.type === "m.room.message" ? [event.content.body] : [],
  );
  expect(texts).toEqual(["four", "three", "two", "one"]);
});
