import { eventually } from "../../builders/eventually";
import { joinPeer } from "../../builders/peerRoom";
import { enc, roomPath } from "../rooms/harness";
import type { Client } from "../rooms/harness";
import { createAdministered } from "./harness";
import type { Administered } from "./harness";

let a: Administered;
let bob: Client;

beforeAll(async () => {
  a = await createAdministered();
  bob = await a.server.client("bob");
});
afterAll(() => a.close());

interface Shown {
  readonly event_id: string;
  readonly type: string;
  readonly content: Record<string, unknown>;
}

test("anybody may ask for the version, which is that of the Synapse that this server follows", async () => {
  const { status, body } = await a.server.call("GET", "/_synapse/admin/v1/server_version");
  expect(status).toBe(200);
  expect(body).toEqual({ server_version: expect.stringMatching(/^1\.\d+\.\d+$/) });
});

test("reports of events and users are listed, shown and deleted", async () => {
  const roomId = await a.alice.createRoom({ preset: "public_chat", name: "Loud" });
  await bob.post(`/join/${enc(roomId)}`);
  const ids = [await bob.text(roomId, "one"), await bob.text(roomId, "two")];
  for (const id of ids) await a.alice.post(`${roomPath(roomId)}/report/${enc(id)}`, { reason: "spam", score: -5 });
  await a.alice.post(`/users/${enc(bob.userId)}/report`, { reason: "rude" });

  const { event_reports: reports, total } = (await a.manage("GET", "/v1/event_reports")).body;
  expect(total).toBe(2);
  expect(reports.map((report: { event_id: string }) => report.event_id)).toEqual([...ids].reverse());
  expect(reports[0]).toEqual({
    id: expect.any(Number),
    received_ts: expect.any(Number),
    room_id: roomId,
    name: "Loud",
    canonical_alias: null,
    event_id: ids[1],
    user_id: a.alice.userId,
    sender: bob.userId,
    reason: "spam",
    score: -5,
  });
  expect((await a.manage("GET", "/v1/event_reports?limit=1&dir=f")).body).toMatchObject({
    total: 2,
    next_token: 1,
    event_reports: [{ event_id: ids[0] }],
  });
  expect((await a.manage("GET", "/v1/event_reports?user_id=bob")).body.total).toBe(0);
  expect((await a.manage("GET", `/v1/event_reports?event_sender_user_id=${enc(bob.userId)}`)).body.total).toBe(2);
  const path = `/v1/event_reports/${reports[0].id}`;
  expect((await a.manage("GET", path)).body.event_json).toMatchObject({
    type: "m.room.message",
    content: { body: "two" },
    sender: bob.userId,
  });
  expect((await a.manage("DELETE", path)).body).toEqual({});
  expect((await a.manage("GET", path)).status).toBe(404);
  expect((await a.manage("GET", "/v1/event_reports/-1")).body.errcode).toBe("M_INVALID_PARAM");

  const users = (await a.manage("GET", "/v1/user_reports?target_user_id=bob")).body;
  expect(users).toMatchObject({ total: 1, user_reports: [{ target_user_id: bob.userId, user_id: a.alice.userId, reason: "rude" }] });
  expect((await a.manage("GET", `/v1/user_reports/${users.user_reports[0].id}`)).body).toEqual(users.user_reports[0]);
  await a.manage("DELETE", `/v1/user_reports/${users.user_reports[0].id}`);
  expect((await a.manage("GET", "/v1/user_reports")).body.total).toBe(0);
});

test("rooms are read by administrators who are not in them", async () => {
  const roomId = await bob.createRoom({ name: "Private", room_version: "10" });
  const ids = [await bob.text(roomId, "one"), await bob.text(roomId, "two"), await bob.text(roomId, "three")];
  const path = `/v1/rooms/${enc(roomId)}`;
  const page = (await a.manage("GET", `${path}/messages?dir=b&limit=2`)).body;
  expect(page.chunk.map((event: Shown) => event.content["body"])).toEqual(["three", "two"]);
  expect(page.chunk[0]).toMatchObject({ user_id: bob.userId, age: expect.any(Number) });
  const older = (await a.manage("GET", `${path}/messages?dir=b&limit=1&from=${page.end}`)).body;
  expect(older.chunk.map((event: Shown) => event.content["body"])).toEqual(["one"]);
  const filter = enc(JSON.stringify({ types: ["m.room.name"] }));
  expect((await a.manage("GET", `${path}/messages?limit=100&filter=${filter}`)).body.chunk).toHaveLength(1);
  const context = (await a.manage("GET", `${path}/context/${enc(ids[1] ?? "")}?limit=2`)).body;
  expect([context.events_before, [context.event], context.events_after].flat().map((event: Shown) => event.event_id)).toEqual(ids);
  expect(context.state.map((event: Shown) => event.type)).toContain("m.room.create");
  expect((await a.manage("GET", `${path}/timestamp_to_event?ts=0&dir=f`)).body.event_id).toMatch(/^\$/);
  expect((await a.manage("GET", `${path}/timestamp_to_event?ts=9999999999999&dir=f`)).status).toBe(404);
  expect((await a.manage("GET", `/v1/fetch_event/${enc(ids[0] ?? "")}`)).body.event).toMatchObject({
    event_id: ids[0],
    room_id: roomId,
    prev_events: expect.any(Array),
    signatures: expect.any(Object),
  });
  expect((await a.manage("GET", "/v1/fetch_event/%24none")).status).toBe(404);
  expect((await bob.call("GET", `/_synapse/admin/v1/fetch_event/${enc(ids[0] ?? "")}`)).status).toBe(403);
});

test("the tree of a private space is shown to administrators", async () => {
  const child = await bob.createRoom({ name: "Child" });
  const space = await bob.createRoom({ creation_content: { type: "m.space" } });
  await bob.setState(space, "m.space.child", { via: ["test.local"] }, child);
  await bob.setState(space, "m.space.child", { via: ["else.where"] }, "!unknown:else.where");
  const tree = (await a.manage("GET", `/v1/rooms/${enc(space)}/hierarchy`)).body;
  expect(tree.rooms.map((room: { room_id: string }) => room.room_id)).toEqual([space, child]);
  const first = (await a.manage("GET", `/v1/rooms/${enc(space)}/hierarchy?limit=1`)).body;
  const second = (await a.manage("GET", `/v1/rooms/${enc(space)}/hierarchy?limit=1&from=${first.next_batch}`)).body;
  expect(second.rooms[0].room_id).toBe(child);
});

test("users are brought into rooms, and given power in them", async () => {
  const open = await a.alice.createRoom({ preset: "public_chat", room_alias_name: "open" });
  const join = (room: string, userId: unknown = bob.userId) => a.manage("POST", `/v1/join/${enc(room)}`, { user_id: userId });
  expect((await join("#open:test.local")).body).toEqual({ room_id: open });
  const secret = await a.alice.createRoom();
  expect((await join(secret)).status).toBe(403);
  const own = await a.admin.createRoom();
  expect((await join(own)).body).toEqual({ room_id: own });
  expect((await bob.get("/joined_rooms")).joined_rooms).toEqual(expect.arrayContaining([open, own]));
  expect((await join("nonsense")).status).toBe(400);
  expect((await join("#none:test.local")).status).toBe(404);
  expect((await join(open, "@x:else.where")).status).toBe(400);
  expect((await join(open, "@nobody:test.local")).status).toBe(404);

  expect((await a.manage("POST", `/v1/rooms/${enc(secret)}/make_room_admin`, {})).body).toEqual({});
  expect((await a.admin.get("/sync?timeout=0")).rooms.invite[secret]).toBeDefined();
  const levels = await a.alice.get(`${roomPath(secret)}/state/m.room.power_levels`);
  expect(levels.users[a.admin.userId]).toBe(100);
  expect((await a.manage("POST", `/v1/rooms/${enc(open)}/make_room_admin`, { user_id: bob.userId })).body).toEqual({});
  expect((await a.alice.get(`${roomPath(open)}/state/m.room.power_levels`)).users[bob.userId]).toBe(100);
  expect((await a.manage("POST", `/v1/rooms/${enc("!none:x")}/make_room_admin`, {})).status).toBe(400);
});

test("a room with several ends goes on from the newest", async () => {
  const roomId = await a.room();
  const room = await joinPeer(a.peer, roomId, a.bob);
  const events = ["left", "right"].map((body) => room.fork({ type: "m.room.message", sender: a.bob, content: { body } }));
  await room.send(...events);
  const path = `/v1/rooms/${enc(roomId)}/forward_extremities`;
  await eventually(async () => (await a.manage("GET", path)).body.count === 2);
  const before = (await a.manage("GET", path)).body.results;
  expect(before[0]).toEqual({
    event_id: events[0]?.eventId,
    state_group: expect.any(Number),
    depth: expect.any(Number),
    received_ts: expect.any(Number),
  });
  expect((await a.manage("DELETE", path)).body).toEqual({ deleted: 1 });
  expect((await a.manage("GET", path)).body).toMatchObject({ count: 1, results: [{ event_id: events[1]?.eventId }] });
  await a.alice.text(roomId, "and on");
  expect((await a.texts(roomId)).at(-1)).toBe("and on");
  expect((await a.manage("DELETE", path)).body).toEqual({ deleted: 0 });
});

test("what a user said is redacted in the background", async () => {
  const roomId = await a.alice.createRoom({ preset: "public_chat", room_version: "10" });
  await bob.post(`/join/${enc(roomId)}`);
  const ids: string[] = [];
  for (const text of ["one", "two", "three"]) ids.push(await bob.text(roomId, text));
  const kept = await a.alice.text(roomId, "mine");
  const begin = (body: unknown, user = bob.userId) => a.manage("POST", `/v1/user/${enc(user)}/redact`, body);
  const { redact_id: id } = (await begin({ rooms: [roomId], reason: "spam", limit: 2 })).body;
  let status: { status: string } | undefined;
  await eventually(async () => {
    status = (await a.manage("GET", `/v1/user/redact_status/${id}`)).body;
    return status?.status === "complete";
  });
  expect(status).toEqual({ status: "complete", failed_redactions: {} });
  const shown = async (eventId: string) => a.alice.get(`${roomPath(roomId)}/event/${enc(eventId)}`);
  expect((await shown(ids[0] ?? "")).content.body).toBe("one");
  expect(await shown(ids[2] ?? "")).toMatchObject({
    content: {},
    unsigned: { redacted_because: { sender: bob.userId, content: { reason: "spam" } } },
  });
  expect((await shown(kept)).content.body).toBe("mine");
  // The administrator is not in the room.
  const asAdmin = (await begin({ rooms: [roomId], use_admin: true })).body.redact_id;
  await eventually(async () => (await a.manage("GET", `/v1/user/redact_status/${asAdmin}`)).body.status === "complete");
  expect((await a.manage("GET", `/v1/user/redact_status/${asAdmin}`)).body.failed_redactions).toHaveProperty([ids[0] ?? ""]);
  expect((await begin({})).body.errcode).toBe("M_MISSING_PARAM");
  expect((await begin({ rooms: "x" })).status).toBe(400);
  expect((await begin({ rooms: [] }, "x")).status).toBe(400);
  expect((await a.manage("GET", "/v1/user/redact_status/none")).status).toBe(404);

  const tasks = (await a.manage("GET", "/v1/scheduled_tasks?action_name=redact_all_events&job_status=complete")).body.scheduled_tasks;
  expect(tasks[0]).toEqual({
    id,
    action: "redact_all_events",
    status: "complete",
    timestamp_ms: expect.any(Number),
    resource_id: bob.userId,
    result: { failed_redactions: {} },
    error: null,
  });
  expect((await a.manage("GET", "/v1/scheduled_tasks?action_name=nonsense")).body.scheduled_tasks).toEqual([]);
  expect((await a.manage("GET", "/v1/scheduled_tasks?job_status=nonsense")).status).toBe(400);
});

test("other servers, whether they answer, and the rooms that we share with them", async () => {
  const roomId = await a.room();
  await joinPeer(a.peer, roomId, a.bob);
  const { name } = a.peer;
  const path = `/v1/federation/destinations/${enc(name)}`;
  expect((await a.manage("GET", path)).body).toMatchObject({ destination: name, retry_last_ts: 0, retry_interval: 0, failure_ts: null });
  expect((await a.manage("GET", `${path}/rooms`)).body.rooms).toContainEqual({ room_id: roomId, stream_ordering: expect.any(Number) });
  expect((await a.manage("POST", `${path}/reset_connection`)).status).toBe(400);
  const { app } = a.server;
  await app.db`
    insert into destinations as d (destination, failing_since, retry_last_ts, retry_interval) values (${name}, 5, ${app.clock.now()}, 3600000)
    on conflict (destination) do update set failing_since = 5, retry_last_ts = excluded.retry_last_ts, retry_interval = excluded.retry_interval`;
  expect((await a.manage("GET", `/v1/federation/destinations?order_by=retry_interval&dir=b&destination=${enc(name)}`)).body).toMatchObject({
    total: 1,
    destinations: [{ destination: name, failure_ts: 5, retry_interval: 3_600_000 }],
  });
  expect((await a.manage("POST", `${path}/reset_connection`)).body).toEqual({});
  expect((await a.manage("GET", path)).body).toMatchObject({ failure_ts: null, retry_interval: 0 });
  expect((await a.manage("GET", "/v1/federation/destinations/no.where")).status).toBe(404);
  expect((await a.manage("GET", "/v1/federation/destinations?order_by=x")).status).toBe(400);
});

test("the largest rooms, as the database estimates them", async () => {
  const { app } = a.server;
  const roomId = await a.alice.createRoom();
  for (let i = 0; i < 20; i++) await a.alice.text(roomId, "x".repeat(1000));
  await app.db`analyze events`;
  const { rooms } = (await a.manage("GET", "/v1/statistics/database/rooms")).body;
  expect(rooms.length).toBeGreaterThan(0);
  expect(rooms.map((room: { room_id: string }) => room.room_id)).toContain(roomId);
});

test("accounts are given a time to end", async () => {
  const renew = (body: unknown) => a.manage("POST", "/v1/account_validity/validity", body);
  expect((await renew({ user_id: bob.userId, expiration_ts: 1 })).body).toEqual({ expiration_ts: 1 });
  expect((await bob.call("GET", "/account/whoami")).body.errcode).toBe("ORG_MATRIX_EXPIRED_ACCOUNT");
  expect((await renew({ user_id: bob.userId, expiration_ts: 9_999_999_999_999 })).status).toBe(200);
  expect((await bob.call("GET", "/account/whoami")).status).toBe(200);
  expect((await renew({ user_id: bob.userId })).status).toBe(400);
  expect((await renew({})).status).toBe(400);
});

test("nobody sees what a shadow-banned user does, except themselves", async () => {
  const dora = await a.server.client("dora");
  const roomId = await a.alice.createRoom({ preset: "public_chat" });
  await dora.post(`/join/${enc(roomId)}`);
  const path = `/v1/users/${enc(dora.userId)}/shadow_ban`;
  expect((await a.manage("POST", path)).body).toEqual({});
  const sent = await dora.call("PUT", `${roomPath(roomId)}/send/m.room.message/1`, { msgtype: "m.text", body: "hidden" });
  expect(sent).toEqual({ status: 200, body: { event_id: expect.stringMatching(/^\$[\w-]{43}$/) } });
  expect((await dora.call("POST", `${roomPath(roomId)}/invite`, { user_id: bob.userId })).status).toBe(200);
  expect(await a.texts(roomId)).toEqual([]);
  expect((await bob.get("/sync?timeout=0")).rooms?.invite?.[roomId]).toBeUndefined();
  expect((await a.manage("DELETE", path)).body).toEqual({});
  await dora.text(roomId, "seen");
  expect(await a.texts(roomId)).toEqual(["seen"]);
  expect((await a.manage("POST", `/v1/users/${enc("@nobody:test.local")}/shadow_ban`)).status).toBe(404);
});

test("work on the database as a whole is begun, held up and watched", async () => {
  const path = "/v1/background_updates";
  const { app } = a.server;
  await app.db`update room_stats set joined_members = 99`;
  await app.db`delete from user_directory`;
  expect((await a.manage("POST", `${path}/enabled`, { enabled: false })).body).toEqual({ enabled: false });
  expect((await a.manage("GET", `${path}/enabled`)).body).toEqual({ enabled: false });
  for (const job of ["populate_stats_process_rooms", "regenerate_directory"]) {
    expect((await a.manage("POST", `${path}/start_job`, { job_name: job })).body).toEqual({});
    expect((await a.manage("POST", `${path}/start_job`, { job_name: job })).status).toBe(400);
  }
  expect((await a.manage("GET", `${path}/status`)).body).toMatchObject({
    enabled: false,
    current_updates: { master: { name: "populate_stats_process_rooms", total_item_count: 0 } },
  });
  await a.manage("POST", `${path}/enabled`, { enabled: true });
  await eventually(async () => Object.keys((await a.manage("GET", `${path}/status`)).body.current_updates).length === 0);
  const [wrong] = await app.db<{ n: number }>`select count(*) as n from room_stats where joined_members = 99`;
  const [listed] = await app.db<{ n: number }>`select count(*) as n from user_directory`;
  expect([wrong?.n, (listed?.n ?? 0) > 0]).toEqual([0, true]);
  expect((await a.manage("POST", `${path}/start_job`, { job_name: "nonsense" })).status).toBe(400);
  expect((await a.manage("POST", `${path}/enabled`, { enabled: "x" })).status).toBe(400);
});
