import { eventually } from "../../builders/eventually";
import { createRoomsServer, enc, roomPath } from "./harness";
import type { Client, RoomsServer } from "./harness";

const BASE = "/_matrix/client/unstable/org.matrix.msc4140";
const HOUR = 3_600_000;

let server: RoomsServer;
let alice: Client;
let bob: Client;
beforeAll(async () => {
  const rc_message = { per_second: 1000, burst_count: 1000 };
  const rc_delayed_event_mgmt = { per_second: 1000, burst_count: 1000 };
  server = await createRoomsServer({ max_event_delay_duration: 24 * HOUR, rc_message, rc_delayed_event_mgmt });
  [alice, bob] = await Promise.all([server.client("alice"), server.client("bob")]);
  server.app.delayedEvents.start();
});
afterAll(async () => {
  await server.app.delayedEvents.stop();
  await server.close();
});

const later = (ms: number): string => `?org.matrix.msc4140.delay=${ms}`;
const scheduled = async (client: Client) => (await client.get(`${BASE}/delayed_events`)).delayed_events;
const one = (client: Client, id: string) => client.get(`${BASE}/delayed_events/${id}`);
const manage = (id: string, action: string) => server.call("POST", `${BASE}/delayed_events/${id}/${action}`);
let txn = 0;
const delay = async (client: Client, roomId: string, ms: number, body: string, txnId = `d${txn++}`): Promise<string> =>
  (await client.put(`${roomPath(roomId)}/send/m.room.message/${txnId}${later(ms)}`, { msgtype: "m.text", body })).delay_id;
const delayState = async (client: Client, roomId: string, ms: number, content: unknown, key = ""): Promise<string> =>
  (await client.put(`${roomPath(roomId)}/state/org.example.call/${enc(key)}${later(ms)}`, content)).delay_id;
const room = async (): Promise<string> => {
  const roomId = await alice.createRoom({ preset: "public_chat", power_level_content_override: { events: { "org.example.call": 0 } } });
  await bob.post(`/join/${enc(roomId)}`);
  return roomId;
};
const messages = async (roomId: string, client = alice) =>
  (await client.get(`${roomPath(roomId)}/messages?dir=b&limit=50`)).chunk.filter(({ type }: { type: string }) => type === "m.room.message");
const texts = async (roomId: string): Promise<string[]> =>
  (await messages(roomId)).map(({ content }: { content: { body: string } }) => content.body).toReversed();

test("what became due while nobody was there is sent, in order, and their sender alone learns which they were", async () => {
  const roomId = await room();
  await server.app.delayedEvents.stop();
  const ids = [
    await delay(alice, roomId, 60, "second"),
    await delay(alice, roomId, HOUR, "first"),
    await delay(alice, roomId, 60, "third"),
  ];
  // As if another process had been about to send the first one when it died.
  await server.app.db`update delayed_events set send_ts = 1, sending = true where delay_id = ${ids[1] ?? null}`;
  server.app.delayedEvents.start();
  await eventually(async () => (await texts(roomId)).length === 3);
  expect(await texts(roomId)).toEqual(["first", "second", "third"]);
  const seen = await messages(roomId);
  expect(seen.map(({ unsigned }: { unsigned: object }) => unsigned)).toEqual(
    [ids[2], ids[0], ids[1]].map((id) => expect.objectContaining({ "org.matrix.msc4140.delay_id": id })),
  );
  for (const { unsigned } of await messages(roomId, bob)) expect(unsigned).not.toHaveProperty(["org.matrix.msc4140.delay_id"]);
  expect(await scheduled(alice)).toEqual([]);
  const sent = await one(alice, ids[1] ?? "");
  expect(sent.finalised).toEqual({ finalised_ts: expect.any(Number), event_id: seen[2].event_id });
  expect((await alice.call("GET", `${BASE}/delayed_events/nothing`)).status).toBe(404);
});

test("what is to be sent is shown to its owner alone, and can be cancelled, restarted and sent by who knows its id", async () => {
  const roomId = await room();
  const id = await delayState(alice, roomId, HOUR, { here: false }, "alice");
  const [shown] = await scheduled(alice);
  expect(shown).toMatchObject({ delay_id: id, room_id: roomId, type: "org.example.call", state_key: "alice", delay_ms: HOUR, delay: HOUR });
  expect(shown).toMatchObject({ content: { here: false }, running_since: shown.delayed_since_ts });
  expect(await scheduled(bob)).toEqual([]);
  expect(await bob.call("GET", `${BASE}/delayed_events/${id}`)).toMatchObject({ status: 404, body: { errcode: "M_NOT_FOUND" } });
  expect((await server.call("GET", `${BASE}/delayed_events`)).status).toBe(401);

  expect(await manage(id, "restart")).toEqual({ status: 200, body: {} });
  expect((await one(alice, id)).delayed_since_ts).toBeGreaterThan(shown.delayed_since_ts);
  expect((await server.call("POST", `${BASE}/delayed_events/${id}/oops`)).body.errcode).toBe("M_UNRECOGNIZED");
  const update = (body: unknown) => server.call("POST", `${BASE}/delayed_events/${id}`, body);
  expect(await update({})).toMatchObject({ status: 400, body: { errcode: "M_MISSING_PARAM" } });
  expect(await update({ action: "oops" })).toMatchObject({ status: 400, body: { errcode: "M_BAD_JSON" } });
  expect(await update({ action: "send" })).toEqual({ status: 200, body: {} });
  expect(await alice.get(`${roomPath(roomId)}/state/org.example.call/alice`)).toEqual({ here: false });
  // Once more the same, which was lost on its way, and what is too late.
  expect((await manage(id, "send")).status).toBe(200);
  expect(await manage(id, "cancel")).toMatchObject({ status: 404, body: { errcode: "M_NOT_FOUND" } });
  expect((await manage(id, "restart")).status).toBe(404);

  const other = await delay(alice, roomId, HOUR, "never");
  expect((await manage(other, "cancel")).status).toBe(200);
  expect((await manage(other, "cancel")).status).toBe(200);
  expect((await manage(other, "send")).status).toBe(404);
  expect((await one(alice, other)).finalised).toEqual({ finalised_ts: expect.any(Number) });
  for (const action of ["send", "cancel", "restart"]) expect((await manage("abc", action)).status).toBe(404);
  expect((await server.call("POST", `${BASE}/delayed_events/${id}/send`, {}, "wrong")).status).toBe(401);
});

test("a request that is made again gets the id of the first", async () => {
  const roomId = await room();
  const id = await delay(alice, roomId, HOUR, "once", "again");
  expect(await delay(alice, roomId, HOUR, "once", "again")).toBe(id);
  const path = `${BASE}/rooms/${enc(roomId)}/delayed_event/m.room.message/own`;
  const body = { delay_ms: HOUR, content: { msgtype: "m.text", body: "by the proposal's own endpoint" } };
  const { delay_id } = await alice.put(path, body);
  expect((await alice.put(path, body)).delay_id).toBe(delay_id);
  expect((await alice.call("PUT", path, { content: {} })).body.errcode).toBe("M_MISSING_PARAM");
  for (const mine of [id, delay_id]) await manage(mine, "cancel");
});

test("rights count when it is sent: what fails is told of, and a failed sending by hand leaves it scheduled", async () => {
  const roomId = await room();
  const renamed = (ms: number) => bob.put(`${roomPath(roomId)}/state/m.room.name${later(ms)}`, { name: "Bob's" });
  const { delay_id: byHand } = await renamed(HOUR);
  expect(await manage(byHand, "send")).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN" } });
  expect(await one(bob, byHand)).not.toHaveProperty("finalised");
  const { delay_id: byTime } = await renamed(1);
  await eventually(async () => (await one(bob, byTime)).finalised !== undefined);
  expect((await one(bob, byTime)).finalised).toMatchObject({ error: { errcode: "M_FORBIDDEN" } });
  const levels = await alice.get(`${roomPath(roomId)}/state/m.room.power_levels`);
  await alice.setState(roomId, "m.room.power_levels", { ...levels, users: { ...levels.users, [bob.userId]: 50 } });
  expect((await manage(byHand, "send")).status).toBe(200);
  expect(await alice.get(`${roomPath(roomId)}/state/m.room.name`)).toEqual({ name: "Bob's" });
});

test("state that somebody else sets cancels what was to take its place, one's own does not", async () => {
  const roomId = await room();
  const id = await delayState(bob, roomId, HOUR, { by: "bob, late" });
  await bob.setState(roomId, "org.example.call", { by: "bob" });
  await alice.setState(roomId, "org.example.call", { by: "alice" }, "elsewhere");
  expect(await one(bob, id)).not.toHaveProperty("finalised");
  await alice.setState(roomId, "org.example.call", { by: "alice" });
  expect((await one(bob, id)).finalised).toMatchObject({ error: { errcode: "M_CANCELLED_BY_STATE_UPDATE" } });
  expect((await manage(id, "restart")).status).toBe(404);
});

test("memberships can be delayed too", async () => {
  const roomId = await room();
  await bob.put(`${roomPath(roomId)}/state/m.room.member/${enc(bob.userId)}${later(1)}`, { membership: "leave", reason: "late" });
  await eventually(async () => (await alice.get(`${roomPath(roomId)}/state/m.room.member/${enc(bob.userId)}`)).membership === "leave");
  expect(await alice.get(`${roomPath(roomId)}/state/m.room.member/${enc(bob.userId)}`)).toMatchObject({ reason: "late" });
});

test("delays have a limit, and so has their number", async () => {
  const roomId = await room();
  const path = `${roomPath(roomId)}/send/m.room.message/much`;
  const tooLong = await alice.call("PUT", path + later(24 * HOUR + 1), { body: "x" });
  expect(tooLong).toMatchObject({ status: 400, body: { errcode: "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE" } });
  expect(tooLong.body["org.matrix.msc4140.max_delay"]).toBe(24 * HOUR);
  for (const bad of ["-1", "1.5", "soon"]) {
    const answer = await alice.call("PUT", `${path}?org.matrix.msc4140.delay=${bad}`, { body: "x" });
    expect(answer).toMatchObject({ status: 400, body: { errcode: "M_INVALID_PARAM" } });
  }
  expect(await alice.call("PUT", path + later(HOUR), { body: 1.5 })).toMatchObject({ status: 400, body: { errcode: "M_BAD_JSON" } });
  const large = await alice.call("PUT", path + later(HOUR), { body: "x".repeat(70_000) });
  expect(large).toMatchObject({ status: 413, body: { errcode: "M_TOO_LARGE" } });
  expect((await alice.call("PUT", `/rooms/!nowhere:test.local/send/m.room.message/x${later(1)}`, {})).status).toBe(404);

  const carol = await server.client("carol");
  await carol.post(`/join/${enc(roomId)}`);
  for (let i = 0; i < 100; i++) await delay(carol, roomId, HOUR - i, "many");
  const { status, body } = await carol.call("PUT", path + later(HOUR), { body: "one too many" });
  expect([status, body.errcode]).toEqual([429, "M_LIMIT_EXCEEDED"]);
  expect(body.retry_after_ms).toBeGreaterThan(HOUR - 100_000);
  const [first] = await scheduled(carol);
  await manage(first.delay_id, "cancel");
  await delay(carol, roomId, HOUR, "fits again");
  // An account that ends takes them with it.
  const auth = { type: "m.login.password", identifier: { type: "m.id.user", user: carol.userId }, password: "sUp3r s3kr1t" };
  await carol.post("/account/deactivate", { auth });
  const rows = await server.app.db`select 1 from delayed_events where user_id = ${carol.userId} and finalised_ts is null`;
  expect(rows).toEqual([]);
});

test("clients are told whether and how", async () => {
  const features = (await server.call("GET", "/_matrix/client/versions")).body.unstable_features;
  expect(features["org.matrix.msc4140"]).toBe(true);
  const { capabilities } = await alice.get("/capabilities");
  expect(capabilities["org.matrix.msc4140.delayed_events"]).toEqual({ max_delay_ms: 24 * HOUR, max_scheduled: 100 });
  const without = await createRoomsServer();
  try {
    expect((await without.call("GET", "/_matrix/client/versions")).body.unstable_features["org.matrix.msc4140"]).toBe(false);
    const dora = await without.client("dora");
    expect((await dora.get("/capabilities")).capabilities["org.matrix.msc4140.delayed_events"].max_delay_ms).toBe(0);
    const path = `${roomPath(await dora.createRoom())}/send/m.room.message/1${later(1)}`;
    expect(await dora.call("PUT", path, { body: "x" })).toMatchObject({ status: 403, body: { errcode: "M_FORBIDDEN" } });
  } finally {
    await without.close();
  }
});
