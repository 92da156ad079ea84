import { classHistory } from "../../../src/rooms/push/classHistory";
import { forgetOldActions } from "../../../src/handlers/push/maintenance";
import { copyPushRules, putPushRule } from "../../../src/handlers/push/rules";
import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { sendRoomEvent } from "../../../src/handlers/rooms/messages";
import { deletePushDataBefore, roomsWithActions } from "../../../src/storage/pushActions";
import { allPushers } from "../../../src/storage/pushers";
import {
  deleteOldUserClasses,
  deletePushRules,
  getPushRules,
  getUserClasses,
  insertClassChanges,
  pushRulesBetween,
} from "../../../src/storage/pushRules";
import { setPusher } from "../../../src/handlers/push/pushers";
import { eventsStream } from "../../../src/streams/events";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server.close());

async function roomWith(messages: number): Promise<{ roomId: string; roomNid: number }> {
  const { roomId } = await createRoom(server.app, alice, { preset: "public_chat" });
  await changeMembership(server.app, bob, { roomId, target: bob.userId, action: "join" });
  for (let i = 0; i < messages; i++) {
    await sendRoomEvent(server.app, alice, {
      roomId,
      type: "m.room.message",
      content: { msgtype: "m.text", body: i % 2 ? "bob" : "hello" },
    });
  }
  return { roomId, roomNid: (await server.app.caches.rooms.byId(roomId))?.nid ?? 0 };
}

const rowsOf = async (roomNid: number): Promise<number> => {
  const rows = await server.app.db<{ n: number }>`
    select (select count(*) from event_push_classes where room_nid = ${roomNid})
         + (select count(*) from event_push_users where room_nid = ${roomNid}) as n`;
  return rows[0]?.n ?? 0;
};

test("a month later a thousand events of each room are still there, and newer ones anyway", async () => {
  const { app } = server;
  const old = await roomWith(2);
  const busy = await roomWith(2);
  expect(await roomsWithActions(app.db, 0, 1)).toEqual([old.roomNid]);
  expect(await roomsWithActions(app.db, 0, 10)).toEqual([old.roomNid, busy.roomNid]);
  await app.db`
    insert into event_push_classes (room_nid, in_thread, stream_ordering, class_id, thread_id, notify, highlight, notifies, highlights, actions)
    select ${busy.roomNid}::int4, false, n, 0, 'main', 1, 0, true, false, 'n' from generate_series(1000, 2500) n`;
  const before = [await rowsOf(old.roomNid), await rowsOf(busy.roomNid)];
  await forgetOldActions(app);
  expect([await rowsOf(old.roomNid), await rowsOf(busy.roomNid)]).toEqual(before);
  await forgetOldActions({ db: app.db, streams: app.streams, clock: { ...app.clock, now: () => app.clock.now() + 31 * 24 * 3_600_000 } });
  expect(await rowsOf(old.roomNid)).toBe(before[0]);
  // Of the busy room the real events are old, and there are more than a thousand newer ones.
  expect(await rowsOf(busy.roomNid)).toBe(1501);
});

test("a purge of history takes its notifications along", async () => {
  const { roomNid } = await roomWith(3);
  await deletePushDataBefore(server.app.db, roomNid, server.app.streams.position(eventsStream));
  expect(await rowsOf(roomNid)).toBe(1);
});

test("old classes go, but for the last before", async () => {
  const { db } = server.app;
  const userId = "@classes:test.local";
  for (const [since, classId] of [
    [10, 1],
    [20, 2],
    [30, 3],
  ] as const) {
    await insertClassChanges(db, userId, since, [{ roomId: "!r", classId }]);
  }
  await insertClassChanges(db, userId, 30, [{ roomId: "!r", classId: 4 }]);
  await deleteOldUserClasses(db, 25);
  const left = await getUserClasses(db, [userId]);
  expect(left.map(({ since, classId }) => [since, classId])).toEqual([
    [20, 2],
    [30, 4],
  ]);
  expect(classHistory(left).at("!r", 26)).toBe(2);
});

test("rules move to the room that replaces another", async () => {
  const { app } = server;
  await copyPushRules(app, alice.userId, "!old:x", "!new:x");
  expect(await getPushRules(app.db, [alice.userId])).toEqual([]);
  await putPushRule(app, alice.userId, "global/room/!old:x", { actions: [] }, {});
  await copyPushRules(app, alice.userId, "!old:x", "!new:x");
  const [stored] = await getPushRules(app.db, [alice.userId]);
  expect(stored?.rules.rules.room?.map((rule) => rule.rule_id)).toEqual(["!new:x", "!old:x"]);
  expect(await pushRulesBetween(app.db, 0, 100)).toEqual([{ id: 2, row: expect.objectContaining({ userId: alice.userId }) }]);
  await deletePushRules(app.db, [alice.userId]);
  expect(await getPushRules(app.db, [alice.userId])).toEqual([]);
  expect(await getUserClasses(app.db, [alice.userId])).toEqual([]);
});

test("all pushers, by user", async () => {
  const data = { url: "https://x/_matrix/push/v1/notify" };
  const pusher = { kind: "http", app_id: "a", app_display_name: "", device_display_name: "", lang: "", data, append: true };
  for (const user of [alice, bob]) for (const pushkey of ["1", "2"]) await setPusher(server.app, user, { ...pusher, pushkey });
  const first = await allPushers(server.app.db, "", 1);
  expect(first.map(({ userId, pushkey }) => [userId, pushkey])).toEqual([
    [alice.userId, "1"],
    [alice.userId, "2"],
  ]);
  expect(await allPushers(server.app.db, alice.userId, 10)).toHaveLength(2);
});
