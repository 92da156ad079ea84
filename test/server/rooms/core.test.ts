import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { readJoinedMembers } from "../../../src/handlers/rooms/readState";
import { sendRoomEvent } from "../../../src/handlers/rooms/messages";
import { roomVersions } from "../../../src/rooms/versions";
import { eventsBetween } from "../../../src/storage/events";
import { newestEdits } from "../../../src/storage/relations";
import { eventsStream } from "../../../src/streams/events";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let test1: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });

beforeAll(async () => {
  test1 = await createTestApp();
});
afterAll(() => test1.close());

test.each([...roomVersions.keys()])("version %s: create, invite, join, send, in order", async (roomVersion) => {
  const { app } = test1;
  const { roomId } = await createRoom(app, alice, { roomVersion, preset: "private_chat", name: "Test", invite: [bob.userId] });
  await changeMembership(app, bob, { roomId, target: bob.userId, action: "join" });
  const sent = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      sendRoomEvent(app, i % 2 ? alice : bob, { roomId, type: "m.room.message", content: { body: `${i}` }, txnId: `${roomVersion} ${i}` }),
    ),
  );
  const positions = sent.map(({ streamOrdering }) => streamOrdering);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
  const members = await app.caches.memberships.ofRoom((await app.caches.rooms.byId(roomId))?.nid ?? 0);
  expect([...members.local.keys()].sort()).toEqual([alice.userId, bob.userId]);
  const again = await sendRoomEvent(app, alice, { roomId, type: "m.room.message", content: { body: "1" }, txnId: `${roomVersion} 1` });
  expect(again.eventId).toBe(sent[1]?.eventId);
});

test("rooms that one person makes in the same millisecond are different ones", async () => {
  const { app } = test1;
  const now = app.clock.now();
  const still = { ...app, clock: { ...app.clock, now: () => now } };
  const rooms = await Promise.all(Array.from({ length: 5 }, () => createRoom(still, alice, {})));
  expect(new Set(rooms.map(({ roomId }) => roomId)).size).toBe(5);
});

test("the same state sent twice is one event", async () => {
  const { app } = test1;
  const { roomId } = await createRoom(app, alice, {});
  const state = { roomId, type: "org.example", stateKey: "", content: { a: 1 } };
  const sent = await Promise.all([sendRoomEvent(app, alice, state), sendRoomEvent(app, alice, state)]);
  expect(sent[0]).toEqual(sent[1]);
});

test("a stranger is refused", async () => {
  const { app } = test1;
  const { roomId } = await createRoom(app, alice, {});
  await expect(sendRoomEvent(app, bob, { roomId, type: "m.room.message", content: {} })).rejects.toMatchObject({ status: 403 });
  await expect(changeMembership(app, bob, { roomId, target: bob.userId, action: "join" })).rejects.toMatchObject({ status: 403 });
});

test("characters that PostgreSQL does not have hold up neither readers of the stream nor of relations", async () => {
  const { app } = test1;
  const strange = "a\u0000b\ud800c";
  const { roomId } = await createRoom(app, alice, {});
  const from = app.streams.position(eventsStream);
  const content = { membership: "join", displayname: strange, reason: strange };
  await sendRoomEvent(app, alice, { roomId, type: "m.room.member", stateKey: alice.userId, content });
  const { eventId } = await sendRoomEvent(app, alice, { roomId, type: "m.room.message", content: { body: strange } });
  const edit = { body: strange, "m.new_content": { body: "new" }, "m.relates_to": { rel_type: "m.replace", event_id: eventId } };
  const edited = await sendRoomEvent(app, alice, { roomId, type: "m.room.message", content: edit });
  const rows = await eventsBetween(app.db, from, edited.streamOrdering);
  expect(rows.map(({ row }) => [row.type, row.membership, row.prevMembership, row.displayName])).toEqual([
    ["m.room.member", "join", "join", null],
    ["m.room.message", null, null, null],
    ["m.room.message", null, null, null],
  ]);
  await sendRoomEvent(app, alice, { roomId, type: "m.room.message", content: { ...edit, "m.new_content": strange } });
  const edits = await app.caches.events.byNids((await newestEdits(app.db, [eventId])).map(({ nid }) => nid));
  expect([...edits.values()].map(({ row }) => row.eventId)).toEqual([edited.eventId]);
  const relation = { rel_type: strange, event_id: strange, key: strange };
  await sendRoomEvent(app, alice, { roomId, type: "m.room.message", content: { body: "", "m.relates_to": relation } });
});

test("caches tell how large they are and how often they help", async () => {
  const { app } = test1;
  const { roomId } = await createRoom(app, alice, {});
  const room = await app.caches.rooms.byId(roomId);
  await app.caches.memberships.ofRoom(room?.nid ?? 0);
  const text = await app.metrics.text();
  for (const name of ["get_users_in_room", "joined_members", "push_room_members", "ignored_by", "access_tokens"])
    expect(text).toMatch(new RegExp(`^synapse_util_caches_cache_max_size\\{[^}]*name="${name}"[^}]*\\} [1-9]`, "m"));
  expect(text).toMatch(/^synapse_util_caches_cache_hits\{[^}]*name="get_users_in_room"[^}]*\} [1-9]/m);
});

test("joined members are those of now", async () => {
  const { app } = test1;
  const { roomId } = await createRoom(app, alice, { preset: "public_chat" });
  const read = async () =>
    JSON.parse((await readJoinedMembers(app, alice, roomId)).text) as Record<string, { display_name: string | null }>;
  expect(Object.keys(await read())).toEqual([alice.userId]);
  await changeMembership(app, bob, { roomId, target: bob.userId, action: "join" });
  expect(Object.keys(await read()).sort()).toEqual([alice.userId, bob.userId]);
  const content = { membership: "join", displayname: "Bob" };
  await sendRoomEvent(app, bob, { roomId, type: "m.room.member", stateKey: bob.userId, content });
  expect((await read())[bob.userId]?.display_name).toBe("Bob");
  await changeMembership(app, bob, { roomId, target: bob.userId, action: "leave" });
  expect(Object.keys(await read())).toEqual([alice.userId]);
});
