import { createMetrics } from "../../../src/observe/metrics";
import { startFederationSender } from "../../../src/services/federationSender/sender";
import { eventsStream } from "../../../src/streams/events";
import { createPeer, peerConfig } from "../../builders/peer";
import type { Peer, PeerRequest } from "../../builders/peer";
import { joinPeer } from "../../builders/peerRoom";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";

const send = "PUT /_matrix/federation/v1/send/";
let server: RoomsServer;
let peer: Peer;
let other: Peer;
let sender: ReturnType<typeof startFederationSender>;
let metrics: ReturnType<typeof createMetrics>;
let alice: Client;

beforeAll(async () => {
  server = await createRoomsServer({ ...peerConfig, presence: { enabled: true } });
  [peer, other] = await Promise.all([createPeer(target()), createPeer(target())]);
  for (const one of [peer, other]) one.answer(send, () => ({ pdus: {} }));
  sender = start();
  alice = await server.client("alice");
});
afterAll(async () => {
  await sender.stop();
  await server.close();
  await Promise.all([peer.close(), other.close()]);
});

/** Each with metrics of its own, as each process has. */
function start() {
  metrics = createMetrics("test.local");
  return startFederationSender({ ...server.app, metrics });
}
const target = () => ({ url: server.url, serverName: "test.local" });
const transactions = (to: Peer): PeerRequest[] => to.requests.filter(({ method, path }) => `${method} ${path}`.startsWith(send));
const pdus = (to: Peer) => transactions(to).flatMap(({ body }) => body.pdus);
const edus = (to: Peer, type: string) =>
  transactions(to)
    .flatMap(({ body }) => body.edus)
    .filter((edu) => edu.edu_type === type)
    .map((edu) => edu.content);
const bodies = (to: Peer, roomId: string): string[] =>
  pdus(to)
    .filter((pdu) => pdu.room_id === roomId && pdu.type === "m.room.message")
    .map((pdu) => pdu.content.body);

async function sharedRoom(...users: readonly [Peer, string][]): Promise<string> {
  const roomId = await alice.createRoom({ preset: "public_chat", room_version: "10" });
  for (const [of, name] of users) await joinPeer(of, roomId, of.user(name));
  return roomId;
}

test("whoever is in the room at an event gets it, and nobody else", async () => {
  const roomId = await alice.createRoom({ preset: "public_chat", room_version: "10" });
  await alice.text(roomId, "before");
  await joinPeer(peer, roomId, peer.user("bob"));
  await alice.text(roomId, "both");
  await joinPeer(other, roomId, other.user("carol"));
  await alice.text(roomId, "all three");
  await alice.post(`${roomPath(roomId)}/kick`, { user_id: peer.user("bob") });
  await alice.text(roomId, "without bob");
  await eventually(() => bodies(other, roomId).includes("without bob"));
  expect(bodies(other, roomId)).toEqual(["all three", "without bob"]);
  await eventually(() => pdus(peer).some((pdu) => pdu.state_key === peer.user("bob") && pdu.content.membership === "leave"));
  // The join of carol came through this server, which has to hand it on.
  expect(pdus(peer).some((pdu) => pdu.state_key === other.user("carol") && pdu.content.membership === "join")).toBe(true);
  expect(pdus(other).some((pdu) => pdu.state_key === other.user("carol"))).toBe(false);
  await alice.text(await sharedRoom([peer, "bob"]), "the end");
  await eventually(() => pdus(peer).some((pdu) => pdu.content.body === "the end"));
  expect(bodies(peer, roomId)).toEqual(["both", "all three"]);
});

test("transactions have ids of their own, the stored text and our name", async () => {
  const roomId = await sharedRoom([peer, "bob"]);
  const eventId = await alice.text(roomId, "signed");
  await eventually(() => bodies(peer, roomId).includes("signed"));
  const sent = transactions(peer);
  expect(new Set(sent.map(({ path }) => path)).size).toBe(sent.length);
  expect(sent.every(({ body }) => body.origin === "test.local" && body.pdus.length <= 50 && body.edus.length <= 100)).toBe(true);
  const stored = await server.app.caches.events.byId(eventId);
  expect(pdus(peer).find((pdu) => pdu.content.body === "signed")).toEqual(JSON.parse(stored?.row.json ?? ""));
});

test("a server that was away gets the newest event of each room first, and then all", async () => {
  const [one, two] = [await sharedRoom([other, "carol"]), await sharedRoom([other, "carol"])];
  other.answer(send, () => undefined);
  await alice.text(one, "missed");
  await eventually(async () => (await missed()).includes(other.name));
  for (const text of ["first", "second"]) for (const roomId of [one, two]) await alice.text(roomId, text);
  await eventually(async () => (await readTo()) >= server.app.streams.position(eventsStream));
  other.answer(send, () => ({ pdus: {} }));
  other.requests.length = 0;
  // It is heard of again.
  await other.call("GET", `/query/profile?user_id=${enc(alice.userId)}`);
  await eventually(() => bodies(other, one).length + bodies(other, two).length > 1);
  expect([bodies(other, one), bodies(other, two)]).toEqual([["second"], ["second"]]);
  await eventually(async () => !(await missed()).includes(other.name));
  await alice.text(one, "third");
  await eventually(() => bodies(other, one).includes("third"));
  expect(bodies(other, one)).toEqual(["second", "third"]);
});

async function readTo(): Promise<number> {
  const rows = await server.app.db<{ position: number }>`
    select min(position) as position from stream_consumers where name like 'federation_sender/%' and stream = 'events'`;
  return rows[0]?.position ?? 0;
}

const missed = async (): Promise<string[]> =>
  (await server.app.db<{ destination: string }>`select destination from destinations where missed_after is not null`).map(
    ({ destination }) => destination,
  );

test("what a sender had not sent when it ended is sent by the next one, once", async () => {
  const roomId = await sharedRoom([peer, "bob"]);
  await alice.text(roomId, "one");
  await eventually(() => bodies(peer, roomId).includes("one"));
  await sender.stop();
  await alice.text(roomId, "two");
  sender = start();
  await alice.text(roomId, "three");
  await eventually(() => bodies(peer, roomId).includes("three"));
  expect(bodies(peer, roomId)).toEqual(["one", "two", "three"]);
  expect(await metrics.text()).toMatch(/^synapse_util_caches_cache_size\{[^}]*name="federation_sender_hosts"[^}]*\} [1-9]/m);
});

test("typing goes to those in the room, and so does its end", async () => {
  const roomId = await sharedRoom([peer, "bob"]);
  const typing = (on: boolean) => alice.put(`${roomPath(roomId)}/typing/${enc(alice.userId)}`, { typing: on, timeout: 30_000 });
  const told = () => edus(peer, "m.typing").filter((content) => content.room_id === roomId);
  await typing(true);
  await eventually(() => told().length === 1);
  await typing(false);
  await eventually(() => told().length === 2);
  expect(told()).toEqual([true, false].map((on) => ({ room_id: roomId, user_id: alice.userId, typing: on })));
});

test("receipts go out with their threads, private ones do not", async () => {
  const roomId = await sharedRoom([peer, "bob"]);
  const eventId = await alice.text(roomId, "read me");
  const receipt = (type: string, body = {}) => alice.post(`${roomPath(roomId)}/receipt/${type}/${enc(eventId)}`, body);
  await receipt("m.read.private");
  await receipt("m.read", { thread_id: "main" });
  await receipt("m.read");
  const told = () => edus(peer, "m.receipt").filter((content) => Object.hasOwn(content, roomId));
  await eventually(() => told().length === 2);
  const data = told().map((content) => content[roomId]["m.read"][alice.userId]);
  expect(data.map(({ event_ids }) => event_ids)).toEqual([[eventId], [eventId]]);
  expect(data.map(({ data: { thread_id } }) => thread_id)).toEqual(["main", undefined]);
  expect(JSON.stringify(told())).not.toContain("private");
});

test("presence reaches the servers with which a user shares rooms, and a server that is new in one", async () => {
  await alice.put(`/presence/${enc(alice.userId)}/status`, { presence: "online", status_msg: "here" });
  const told = (to: Peer) =>
    edus(to, "m.presence")
      .flatMap(({ push }) => push)
      .filter(({ user_id }) => user_id === alice.userId);
  await eventually(() => told(peer).some(({ status_msg, presence }) => status_msg === "here" && presence === "online"));
  const third = await createPeer(target());
  third.answer(send, () => ({ pdus: {} }));
  await sharedRoom([third, "dora"]);
  await eventually(() => told(third).length > 0);
  await third.close();
});

test("messages to devices wait until the server has taken them", async () => {
  const carol = other.user("carol");
  other.answer(send, () => undefined);
  const message = (n: number) => alice.put(`/sendToDevice/m.test/${n}`, { messages: { [carol]: { "*": { n } } } });
  await message(1);
  await eventually(async () => (await server.app.federation.backoff.retryAt(other.name)) !== undefined || transactions(other).length > 0);
  await message(2);
  await sender.stop();
  other.answer(send, () => ({ pdus: {} }));
  other.requests.length = 0;
  await other.call("GET", `/query/profile?user_id=${enc(alice.userId)}`);
  sender = start();
  await eventually(() => edus(other, "m.direct_to_device").length >= 2);
  const contents = edus(other, "m.direct_to_device");
  expect(contents.map(({ messages }) => messages[carol]["*"].n)).toEqual([1, 2]);
  expect(contents.every((content) => content.sender === alice.userId && content.type === "m.test")).toBe(true);
  await eventually(async () => (await server.app.db`select 1 from to_device_outbox where destination = ${other.name}`).length === 0);
});

test("changes of devices name the one before them, and carry their keys", async () => {
  await sharedRoom([peer, "bob"]);
  const device_id = (await alice.get("/devices")).devices[0].device_id;
  const told = () => edus(peer, "m.device_list_update").filter(({ user_id }) => user_id === alice.userId);
  for (const key of ["one", "two"]) {
    const before = told().length;
    const keys = { [`ed25519:${device_id}`]: key };
    await alice.post("/keys/upload", { device_keys: { user_id: alice.userId, device_id, algorithms: ["m.olm"], keys, signatures: {} } });
    await eventually(() => told().length > before);
  }
  const [before, last] = told().slice(-2);
  expect(last.prev_id).toEqual([before.stream_id]);
  expect(last).toMatchObject({ device_id, keys: { keys: { [`ed25519:${device_id}`]: "two" } } });
  expect(last).not.toHaveProperty("device_display_name");
});
