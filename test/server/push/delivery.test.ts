import { systemClock } from "../../../src/lib/clock";
import { createMetrics } from "../../../src/observe/metrics";
import type { Metrics } from "../../../src/observe/metrics";
import { startPusher } from "../../../src/services/pusher/pusher";
import { pushersOfUsers } from "../../../src/storage/pushers";
import { quietLog } from "../../builders/app";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { createFakeGateway } from "./fakeGateway";
import type { FakeGateway } from "./fakeGateway";

const DAY_MS = 24 * 3_600_000;

let gateway: FakeGateway;
let server: RoomsServer;
let bob: Client;
let stop: () => Promise<void>;
let metrics: Metrics;
let shiftMs = 0;

function start(): void {
  metrics = createMetrics("test.local");
  const clock = { ...systemClock, now: () => systemClock.now() + shiftMs };
  stop = startPusher({ ...server.app, metrics, clock, log: quietLog });
}

beforeAll(async () => {
  gateway = await createFakeGateway();
  server = await createRoomsServer({
    ip_range_blacklist: [],
    push: { group_unread_count_by_room: false },
    experimental_features: { msc3881_enabled: true, msc4076_enabled: true },
  });
  start();
  bob = await server.client("bob");
  await bob.put(`/profile/${enc(bob.userId)}/displayname`, { displayname: "Bob" });
});
afterAll(async () => {
  await stop();
  await server.close();
  await gateway.close();
});

const pusherOf = (pushkey: string, data: object = {}) => ({
  kind: "http",
  app_id: "app",
  app_display_name: "App",
  device_display_name: "Phone",
  pushkey,
  lang: "en",
  data: { url: gateway.url, ...data },
});

/** Somebody whose phone has their name as its pushkey. */
async function withPhone(name: string, data?: object): Promise<Client> {
  const client = await server.client(name);
  await client.post("/pushers/set", pusherOf(name, data));
  return client;
}

/** A room that bob made, with somebody in it. */
async function roomWith(client: Client, options: object = {}): Promise<string> {
  const roomId = await bob.createRoom({ preset: "public_chat", ...options });
  await client.post(`/join/${enc(roomId)}`);
  return roomId;
}

const texts = (pushkey: string): (string | undefined)[] => gateway.received(pushkey).map(({ content }) => content?.body);
const stored = async (client: Client) => (await pushersOfUsers(server.app.db, [client.userId]))[0];
const read = (client: Client, roomId: string, eventId: string) => client.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);

test("a gateway is told all of each event, in order", async () => {
  const alice = await withPhone("alice", { custom: 1 });
  const roomId = await roomWith(alice, { name: "Lounge", room_alias_name: "lounge" });
  await alice.text(roomId, "my own");
  const eventId = await bob.text(roomId, "one");
  await bob.text(roomId, "two");
  await bob.text(roomId, "alice: three");
  const [first, , third] = await gateway.hears("alice", 3);
  expect(first).toEqual({
    id: eventId,
    event_id: eventId,
    room_id: roomId,
    type: "m.room.message",
    sender: bob.userId,
    sender_display_name: "Bob",
    room_name: "Lounge",
    room_alias: "#lounge:test.local",
    prio: "high",
    content: { msgtype: "m.text", body: "one" },
    counts: { unread: expect.any(Number) },
    devices: [{ app_id: "app", pushkey: "alice", pushkey_ts: expect.any(Number), data: { custom: 1 }, tweaks: expect.any(Object) }],
  });
  expect(first.devices[0].tweaks).toEqual({ highlight: false, sound: "default" });
  expect(third.devices[0].tweaks).toEqual({ highlight: true, sound: "default" });
  expect(third.counts).toEqual({ unread: 3 });
  expect(texts("alice")).toEqual(["one", "two", "alice: three"]);
  await eventually(async () => /synapse_http_httppusher_http_pushes_processed_total\{.*\} 3/.test(await metrics.text()));
});

test("a pusher that asks for it hears of ids alone, one that asks for it of no numbers", async () => {
  const format = { format: "event_id_only", "org.matrix.msc4076.disable_badge_count": true };
  const ida = await withPhone("ida", format);
  const roomId = await roomWith(ida);
  const eventId = await bob.text(roomId, "secret");
  const [notification] = await gateway.hears("ida", 1);
  expect(notification).toEqual({ event_id: eventId, room_id: roomId, prio: "high", devices: [expect.objectContaining({ data: format })] });
});

test("an invitation tells whom it is for, and what the room is called", async () => {
  const ivy = await withPhone("ivy");
  await bob.createRoom({ invite: [ivy.userId], name: "Secret" });
  await bob.createRoom({ invite: [ivy.userId] });
  const [named, nameless] = await gateway.hears("ivy", 2);
  expect(named).toMatchObject({ type: "m.room.member", membership: "invite", user_is_target: true, room_name: "Secret" });
  expect(nameless).toMatchObject({ room_name: "Invite from Bob", counts: { unread: 2 } });
});

test("nothing is pushed of the past, of muted rooms, and to pushers that are switched off", async () => {
  const mia = await server.client("mia");
  const roomId = await roomWith(mia);
  await bob.text(roomId, "past");
  await mia.post("/pushers/set", pusherOf("mia"));
  await mia.post("/pushers/set", { ...pusherOf("mia2"), append: true, "org.matrix.msc3881.enabled": false });
  const muted = await roomWith(mia);
  await mia.put(`/pushrules/global/room/${enc(muted)}`, { actions: [] });
  await bob.text(muted, "muted");
  await bob.text(muted, "mia: mentioned");
  await bob.text(roomId, "present");
  await gateway.hears("mia", 2);
  expect(texts("mia")).toEqual(["mia: mentioned", "present"]);
  await mia.post("/pushers/set", { ...pusherOf("mia2"), append: true, "org.matrix.msc3881.enabled": true });
  await bob.text(roomId, "both");
  await gateway.hears("mia2", 1);
  expect(texts("mia2")).toEqual(["both"]);
});

test("while the gateway takes nothing everything waits in order, but for what is read meanwhile", async () => {
  const rex = await withPhone("rex");
  const roomId = await roomWith(rex);
  gateway.respond("rex", () => [502, {}]);
  await bob.text(roomId, "one");
  await gateway.hears("rex", 1);
  await eventually(async () => (await stored(rex))?.failingSinceTs !== null);
  const seen = await bob.text(roomId, "two");
  await read(rex, roomId, seen);
  for (const text of ["three", "four"]) await bob.text(roomId, text);
  gateway.respond("rex", undefined);
  await eventually(() => texts("rex").includes("four"));
  expect([...new Set(texts("rex"))]).toEqual(["one", "three", "four"]);
  await eventually(async () => (await stored(rex))?.failingSinceTs === null);
});

test("after a day without success an event is given up, and the next one has its turn", async () => {
  const gil = await withPhone("gil");
  const roomId = await roomWith(gil);
  gateway.respond("gil", ({ content }) => (content.body === "lost" ? [500, {}] : [200, {}]));
  await bob.text(roomId, "lost");
  await eventually(async () => (await stored(gil))?.failingSinceTs !== null);
  await bob.text(roomId, "found");
  expect(texts("gil")).not.toContain("found");
  shiftMs = DAY_MS;
  await eventually(() => texts("gil").includes("found"));
  shiftMs = 0;
  expect(new Set(texts("gil"))).toEqual(new Set(["lost", "found"]));
});

test("a pusher whose pushkey is rejected goes; that of another is not the gateway's business", async () => {
  const rob = await withPhone("rob");
  const roomId = await roomWith(rob);
  gateway.respond("rob", ({ content }) => [200, { rejected: [content.body === "first" ? "alice" : "rob"] }]);
  await bob.text(roomId, "first");
  await gateway.hears("rob", 1);
  await bob.text(roomId, "second");
  await eventually(async () => (await rob.get("/pushers")).pushers.length === 0);
  expect(texts("rob")).toEqual(["first", "second"]);
  const alice = await server.app.db`select from pushers where pushkey = 'alice'`;
  expect(alice).toHaveLength(1);
  // Set again it works again.
  gateway.respond("rob", undefined);
  await rob.post("/pushers/set", pusherOf("rob"));
  await bob.text(roomId, "third");
  await gateway.hears("rob", 3);
});

test("what is read comes off the number on the icon", async () => {
  const una = await withPhone("una");
  const roomId = await roomWith(una);
  const first = await bob.text(roomId, "one");
  const second = await bob.text(roomId, "two");
  await gateway.hears("una", 2);
  await read(una, roomId, first);
  await gateway.hears("una", 3);
  await read(una, roomId, second);
  const badges = (await gateway.hears("una", 4)).slice(2);
  const devices = [{ app_id: "app", pushkey: "una", pushkey_ts: expect.any(Number), data: {} }];
  expect(badges).toEqual([
    { counts: { unread: 1 }, devices },
    { counts: { unread: 0 }, devices },
  ]);
});

test("a pusher that starts again goes on where it stopped, with what was under way and what happened meanwhile", async () => {
  const ria = await withPhone("ria");
  const roomId = await roomWith(ria);
  await bob.text(roomId, "taken");
  await gateway.hears("ria", 1);
  gateway.respond("ria", () => new Promise(() => undefined));
  await bob.text(roomId, "under way");
  await gateway.hears("ria", 2);
  await stop();
  // More than are kept in memory.
  const count = 120;
  for (let i = 0; i < count; i++) await bob.text(roomId, `${i}`);
  gateway.respond("ria", undefined);
  start();
  await gateway.hears("ria", count + 3);
  const meanwhile = Array.from({ length: count }, (_, i) => `${i}`);
  expect(texts("ria")).toEqual(["taken", "under way", "under way", ...meanwhile]);
});

test("those with nothing to tell stand, after the end, where the events do", async () => {
  const ned = await withPhone("ned");
  const roomId = await bob.createRoom();
  await bob.text(roomId, "not for ned");
  const before = await stored(ned);
  await eventually(async () => {
    await stop();
    const after = await stored(ned);
    start();
    return (after?.lastStreamOrdering ?? 0) > (before?.lastStreamOrdering ?? 0);
  });
});
