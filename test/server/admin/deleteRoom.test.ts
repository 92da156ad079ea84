import { eventsHead } from "../../../src/storage/events";
import { insertTask } from "../../../src/storage/adminTasks";
import { forgetWholeRoom } from "../../../src/storage/purgeRooms";
import { eventually } from "../../builders/eventually";
import { hostRoom, joinPeer } from "../../builders/peerRoom";
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

async function ended(deleteId: string) {
  let status: { status: string; error?: string; shutdown_room: Record<string, unknown> } | undefined;
  await eventually(async () => {
    status = (await a.manage("GET", `/v2/rooms/delete_status/${deleteId}`)).body;
    return status?.status === "complete" || status?.status === "failed";
  });
  return status;
}

/** Tables with rows of a room. */
async function traces(roomNid: number, roomId: string): Promise<string[]> {
  const { db } = a.server.app;
  const columns = await db<{ name: string; column: string }>`
    select table_name as name, column_name as column from information_schema.columns
    where table_schema = 'public' and column_name in ('room_nid', 'room_id') and table_name not in ('admin_tasks', 'blocked_rooms')`;
  const found = await Promise.all(
    columns.map(async ({ name, column }) => {
      const query = Object.assign([`select 1 from ${name} where ${column}::text = `, ""], { raw: [] }) as unknown as TemplateStringsArray;
      return (await db(query, column === "room_nid" ? String(roomNid) : roomId)).length > 0 ? [name] : [];
    }),
  );
  return found.flat();
}

test("a room is shut down: users and aliases move, nobody comes back, nobody is invited", async () => {
  const roomId = await a.alice.createRoom({ preset: "public_chat", room_alias_name: "bad", room_version: "10" });
  await bob.post(`/join/${enc(roomId)}`);
  const room = await joinPeer(a.peer, roomId, a.bob);
  const host = await a.server.client("host");
  const path = `/v1/rooms/${enc(roomId)}`;
  expect((await bob.call("DELETE", `/_synapse/admin${path}`, {})).body.errcode).toBe("M_FORBIDDEN");
  expect((await a.manage("DELETE", path, { new_room_user_id: "@x:elsewhere" })).status).toBe(400);
  const { status, body } = await a.manage("DELETE", path, { new_room_user_id: host.userId, block: true, purge: false });
  expect(status).toBe(200);
  expect(body).toEqual({
    kicked_users: [a.alice.userId, bob.userId],
    failed_to_kick_users: [],
    local_aliases: ["#bad:test.local"],
    new_room_id: expect.stringMatching(/^!/),
  });
  expect((await bob.call("PUT", `${roomPath(roomId)}/send/m.room.message/x1`, { body: "x" })).status).toBe(403);
  expect((await bob.call("POST", `/join/${enc(roomId)}`, {})).status).toBe(403);
  expect((await bob.get("/directory/room/%23bad:test.local")).room_id).toBe(body.new_room_id);
  expect((await bob.get(`${roomPath(body.new_room_id)}/state/m.room.name`)).name).toBe("Content Violation Notification");
  expect((await bob.call("PUT", `${roomPath(body.new_room_id)}/send/m.room.message/x2`, { body: "x" })).status).toBe(403);
  const invite = room.fork({ type: "m.room.member", sender: a.bob, stateKey: bob.userId, content: { membership: "invite" } });
  const invited = await a.peer.call("PUT", `/_matrix/federation/v2/invite/${enc(roomId)}/${enc(invite.eventId)}`, {
    room_version: "10",
    event: invite.pdu,
    invite_room_state: [],
  });
  expect(invited.body.error).toMatch(/has been blocked/);
});

test("rooms are blocked and opened again, unknown ones too", async () => {
  const hosted = hostRoom(a.peer, a.bob);
  const path = `/v1/rooms/${enc(hosted.roomId)}/block`;
  expect((await a.manage("GET", path)).body).toEqual({ block: false });
  expect((await a.manage("PUT", path, { block: "yes" })).status).toBe(400);
  expect((await a.manage("PUT", path, { block: true })).body).toEqual({ block: true });
  expect((await a.manage("GET", path)).body).toEqual({ block: true, user_id: a.admin.userId });
  const join = () => bob.call("POST", `/join/${enc(hosted.roomId)}?server_name=${a.peer.name}`, {});
  expect((await join()).body.errcode).toBe("M_FORBIDDEN");
  expect((await a.manage("PUT", path, { block: false })).body).toEqual({ block: false });
  expect((await join()).status).toBe(200);
  expect((await a.manage("PUT", "/v1/rooms/nonsense/block", { block: true })).status).toBe(400);
});

test("a room is deleted without a trace, and can be entered anew", async () => {
  const hosted = hostRoom(a.peer, a.bob);
  const join = `/join/${enc(hosted.roomId)}?server_name=${a.peer.name}`;
  await bob.post(join);
  await bob.put(`/user/${enc(bob.userId)}/rooms/${enc(hosted.roomId)}/tags/u.x`, { order: 1 });
  const eventId = await bob.text(hosted.roomId, "hello");
  await bob.post(`${roomPath(hosted.roomId)}/receipt/m.read/${enc(eventId)}`);
  const { app } = a.server;
  const nid = (await app.caches.rooms.byId(hosted.roomId))?.nid ?? 0;
  expect((await traces(nid, hosted.roomId)).length).toBeGreaterThan(5);
  const head = app.streams.position({ name: "events" });

  const { body } = await a.manage("DELETE", `/v2/rooms/${enc(hosted.roomId)}`, {});
  expect(await ended(body.delete_id)).toMatchObject({
    status: "complete",
    shutdown_room: { kicked_users: [bob.userId], failed_to_kick_users: [], local_aliases: [], new_room_id: null },
  });
  expect(await traces(nid, hosted.roomId)).toEqual([]);
  // Tokens of clients name positions that must not come again.
  expect(await eventsHead(app.db)).toBeGreaterThan(head);
  expect((await bob.get("/sync?timeout=0")).rooms?.join?.[hosted.roomId]).toBeUndefined();
  expect((await bob.call("GET", `${roomPath(hosted.roomId)}/state`)).status).toBe(403);
  expect((await a.manage("GET", `/v2/rooms/${enc(hosted.roomId)}/delete_status`)).body.results).toHaveLength(1);
  // There is nothing left to delete, which is no error.
  const again = (await a.manage("DELETE", `/v2/rooms/${enc(hosted.roomId)}`, {})).body.delete_id;
  expect(await ended(again)).toMatchObject({ status: "complete", shutdown_room: { kicked_users: [] } });

  await bob.post(join);
  await bob.text(hosted.roomId, "again");
  expect((await bob.get("/sync?timeout=0")).rooms.join[hosted.roomId]).toBeDefined();
});

test("the older calls do the same; a room with users in it is not purged", async () => {
  const roomId = await bob.createRoom();
  expect((await a.manage("POST", "/v1/purge_room", { room_id: roomId })).body.error).toMatch(/still joined/);
  const host = await a.server.client("host2");
  const shut = await a.manage("POST", `/v1/shutdown_room/${enc(roomId)}`, { new_room_user_id: host.userId, room_name: "Here" });
  expect(shut.body.kicked_users).toEqual([bob.userId]);
  expect((await bob.get(`${roomPath(shut.body.new_room_id)}/state/m.room.name`)).name).toBe("Here");
  expect((await a.manage("POST", "/v1/purge_room", { room_id: roomId })).body).toEqual({});
  const other = await bob.createRoom();
  expect((await a.manage("POST", `/v1/rooms/${enc(other)}/delete`, {})).body.kicked_users).toEqual([bob.userId]);
  expect(await a.server.app.caches.rooms.byId(other)).toBeUndefined();
});

test("work that another process left is gone on with, wherever it stopped", async () => {
  const roomId = await bob.createRoom();
  await bob.text(roomId, "hello");
  const { app } = a.server;
  const nid = (await app.caches.rooms.byId(roomId))?.nid ?? 0;
  await insertTask(app.db, { id: "left", kind: "delete_room", roomId, params: { purge: true, evict: true } }, 0);
  // One at a time.
  expect((await a.manage("DELETE", `/v2/rooms/${enc(roomId)}`, {})).status).toBe(400);
  expect((await bob.call("POST", `${roomPath(roomId)}/invite`, { user_id: a.alice.userId })).status).toBe(403);
  const progress = JSON.stringify({ kicked: ["@earlier:test.local"], isShut: true, roomNid: nid });
  // The room itself is gone already, its rows are not.
  await app.db`update admin_tasks set status = 'active', progress = ${progress} where id = 'left'`;
  await app.db.tx((tx) => forgetWholeRoom(tx, nid, roomId));
  app.caches.rooms.drop({ nid, roomId });
  app.adminTasks.wake();
  expect(await ended("left")).toMatchObject({ status: "complete", shutdown_room: { kicked_users: ["@earlier:test.local"] } });
  expect(await traces(nid, roomId)).toEqual([]);
});
