import { createMetrics } from "../../../src/observe/metrics";
import { startAppserviceSender } from "../../../src/services/appserviceSender/appserviceSender";
import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc, roomPath } from "../rooms/harness";
import type { Client, RoomsServer } from "../rooms/harness";
import { createFakeService } from "./fakeService";
import type { FakeService } from "./fakeService";

let bridge: FakeService;
let other: FakeService;
let server: RoomsServer;
let alice: Client;
let stop: () => Promise<void>;
let metrics: ReturnType<typeof createMetrics>;

beforeAll(async () => {
  bridge = await createFakeService("bridge", {
    receive_ephemeral: true,
    namespaces: {
      users: [{ exclusive: true, regex: "@_bridge_.*:test\\.local" }],
      aliases: [{ exclusive: true, regex: "#_bridge_.*:test\\.local" }],
      rooms: [],
    },
  });
  other = await createFakeService("other", { namespaces: { users: [{ exclusive: true, regex: "@_other_.*" }] } });
  server = await createRoomsServer({
    app_service_config_files: [bridge.file, other.file],
    experimental_features: { msc2409_to_device_messages_enabled: true },
  });
  metrics = createMetrics("test.local");
  stop = startAppserviceSender({ ...server.app, metrics });
  alice = await server.client("alice");
});
afterAll(async () => {
  await stop();
  await server.close();
  await Promise.all([bridge.close(), other.close()]);
});

const isText = (body: string) => (event: { type: string; content: { body?: string } }) => event.content.body === body;
const as = (name: string): string => `user_id=${enc(`@${name}:test.local`)}`;
const byBridge = (method: string, path: string, body: unknown = {}) => server.call(method, path, body, bridge.asToken);

async function ghost(name: string): Promise<string> {
  await byBridge("POST", "/register", { type: "m.login.application_service", username: name });
  return `@${name}:test.local`;
}

/** A room of alice with a ghost in it. */
async function bridgedRoom(name: string): Promise<string> {
  await ghost(name);
  const roomId = await alice.createRoom({ preset: "public_chat" });
  expect((await byBridge("POST", `/join/${enc(roomId)}?${as(name)}`)).status).toBe(200);
  await bridge.hears((event) => event.room_id === roomId && event.state_key === `@${name}:test.local`);
  return roomId;
}

test("events of rooms with its users reach a service, those of other rooms don't", async () => {
  const apart = await alice.createRoom();
  await alice.text(apart, "private");
  const roomId = await bridgedRoom("_bridge_a");
  const eventId = await alice.text(roomId, "hello bridge");
  expect(await bridge.hears(isText("hello bridge"))).toMatchObject({ event_id: eventId, room_id: roomId, sender: alice.userId });
  await byBridge("POST", `${roomPath(roomId)}/leave?${as("_bridge_a")}`);
  await bridge.hears((event) => event.room_id === roomId && event.content.membership === "leave");
  await alice.text(roomId, "are you gone?");
  await alice.text(await bridgedRoom("_bridge_b"), "last");
  await bridge.hears(isText("last"));
  expect(bridge.events().some(isText("private"))).toBe(false);
  expect(bridge.events().some(isText("are you gone?"))).toBe(false);
  expect(other.requests).toEqual([]);
  const put = bridge.requests.find(({ method }) => method === "PUT");
  expect(put).toMatchObject({ path: "/_matrix/app/v1/transactions/1", authorization: "Bearer hs-bridge" });
  expect([...(put?.query.keys() ?? [])]).toEqual([]);
  expect(await metrics.text()).toMatch(/^synapse_util_caches_cache_size\{[^}]*name="appservice_rooms"[^}]*\} [1-9]/m);
});

test("a service that asks to be invited learns what the room looks like", async () => {
  const roomId = await alice.createRoom({ name: "Lounge" });
  const userId = await ghost("_bridge_invited");
  await alice.post(`${roomPath(roomId)}/invite`, { user_id: userId });
  const invite = await bridge.hears((event) => event.room_id === roomId && event.content.membership === "invite");
  expect(invite.unsigned.invite_room_state).toContainEqual(expect.objectContaining({ type: "m.room.name", content: { name: "Lounge" } }));
});

test("while a service takes nothing everything waits in order, and goes out under the same id", async () => {
  const roomId = await bridgedRoom("_bridge_c");
  const before = bridge.taken().length;
  bridge.respond(() => [503, {}]);
  await alice.text(roomId, "first");
  await eventually(() => bridge.requests.some(({ body }) => body?.events?.some(isText("first"))));
  const refused = bridge.requests.at(-1)?.path;
  for (const text of ["second", "third"]) await alice.text(roomId, text);
  bridge.respond(({ path }) => (path.endsWith("/ping") || path.includes("/transactions/") ? [200, {}] : [404, {}]));
  // Whoever answers a ping is up again, so nobody waits for the next attempt.
  const ping = await byBridge("POST", "/_matrix/client/v1/appservice/bridge/ping", { transaction_id: "me" });
  expect(ping).toEqual({ status: 200, body: { duration_ms: expect.any(Number) } });
  expect(bridge.requests.find(({ path }) => path.endsWith("/ping"))?.body).toEqual({ transaction_id: "me" });
  await bridge.hears(isText("third"));
  const after = bridge.taken().slice(before);
  expect(after.flatMap(({ body }) => body.events).map((event) => event.content.body)).toEqual(["first", "second", "third"]);
  expect(refused).toBe(`/_matrix/app/v1/transactions/${after[0]?.id}`);
  bridge.respond(undefined);
});

test("what happens while nobody sends is sent later, and what was under way comes again under its id", async () => {
  const roomId = await bridgedRoom("_bridge_d");
  let arrived: (id: string) => void = () => undefined;
  const underWay = new Promise<string>((resolve) => (arrived = resolve));
  bridge.respond(({ path }) => {
    arrived(path);
    return new Promise(() => undefined);
  });
  await alice.text(roomId, "under way");
  const path = await underWay;
  await stop();
  await alice.text(roomId, "meanwhile");
  bridge.respond(undefined);
  stop = startAppserviceSender({ ...server.app, metrics: createMetrics("test.local") });
  await bridge.hears(isText("meanwhile"));
  expect(bridge.taken().filter(({ body }) => body.events.some(isText("under way")))).toEqual([
    expect.objectContaining({ id: path.split("/").at(-1) }),
  ]);
  expect(bridge.events().filter(isText("meanwhile"))).toHaveLength(1);
});

test("ephemeral events and messages to devices of its users come along", async () => {
  const roomId = await bridgedRoom("_bridge_e");
  const apart = await alice.createRoom();
  const eventId = await alice.text(roomId, "read me");
  const secret = await alice.text(apart, "not here");
  await alice.put(`${roomPath(apart)}/typing/${enc(alice.userId)}`, { typing: true });
  await alice.post(`${roomPath(apart)}/receipt/m.read/${enc(secret)}`);
  await alice.post(`${roomPath(roomId)}/receipt/m.read.private/${enc(eventId)}`);
  await alice.put(`${roomPath(roomId)}/typing/${enc(alice.userId)}`, { typing: true });
  await alice.post(`${roomPath(roomId)}/receipt/m.read/${enc(eventId)}`);
  const login = { type: "m.login.application_service", identifier: { type: "m.id.user", user: "_bridge_e" } };
  const { body: device } = await byBridge("POST", "/login", login);
  await alice.put("/sendToDevice/m.test/1", { messages: { [device.user_id]: { [device.device_id]: { a: 1 } } } });
  await eventually(() => bridge.taken().some(({ body }) => body.to_device !== undefined));
  await eventually(() => bridge.ephemeral("m.receipt").length > 0 && bridge.ephemeral("m.typing").length > 0);
  expect(bridge.ephemeral("m.typing")).toEqual([{ type: "m.typing", room_id: roomId, content: { user_ids: [alice.userId] } }]);
  expect(bridge.ephemeral("m.receipt")).toEqual([
    { type: "m.receipt", room_id: roomId, content: { [eventId]: { "m.read": { [alice.userId]: { ts: expect.any(Number) } } } } },
  ]);
  expect(bridge.taken().flatMap(({ body }) => body.to_device ?? [])).toEqual([
    { type: "m.test", sender: alice.userId, content: { a: 1 }, to_user_id: device.user_id, to_device_id: device.device_id },
  ]);
});

test("a room becomes the service's with an alias in its namespace, and stops to be without", async () => {
  const roomId = await alice.createRoom();
  await alice.text(roomId, "before");
  await byBridge("PUT", `/directory/room/${enc("#_bridge_room:test.local")}`, { room_id: roomId });
  await alice.text(roomId, "named");
  await bridge.hears(isText("named"));
  await byBridge("DELETE", `/directory/room/${enc("#_bridge_room:test.local")}`, undefined);
  await alice.text(roomId, "nameless");
  await alice.text(await bridgedRoom("_bridge_f"), "end");
  await bridge.hears(isText("end"));
  expect(
    bridge
      .events()
      .filter(({ room_id }) => room_id === roomId)
      .map(({ content }) => content.body),
  ).toEqual(["named"]);
});
