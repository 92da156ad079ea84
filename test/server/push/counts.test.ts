import { UnreadCounts } from "../../../src/caches/unreadCounts";
import { putPushRule } from "../../../src/handlers/push/rules";
import { badgeCount, unreadCounts } from "../../../src/handlers/push/unread";
import type { RoomUnread } from "../../../src/handlers/push/unread";
import { setReceipt } from "../../../src/handlers/receipts";
import { requesterFor } from "../../../src/handlers/requester";
import type { Requester } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { redactEvent, sendRoomEvent } from "../../../src/handlers/rooms/messages";
import type { JsonObject } from "../../../src/lib/json";
import { deleteOldActions, deletePushDataOfRooms } from "../../../src/storage/pushActions";
import { eventsStream } from "../../../src/streams/events";
import { receiptsStream } from "../../../src/streams/receipts";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
/** Another process, to which the summaries of events do not travel. */
let reader: UnreadCounts;
const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => requesterFor(`@${name}:test.local`, { deviceId: "D" })) as [
  Requester,
  Requester,
  Requester,
];

const emptyCounts = (): UnreadCounts =>
  new UnreadCounts({
    db: server.app.db,
    events: server.app.caches.events,
    pushRules: server.app.push.rules,
    position: () => server.app.streams.position(eventsStream),
    maxRooms: 100,
    maxEntries: 100,
  });

beforeAll(async () => {
  server = await createTestApp();
  reader = emptyCounts();
  server.app.streams.subscribe(eventsStream, (rows) =>
    rows.forEach(({ id, row }) => reader.applyEvent({ id, row: { ...row, push: null } })),
  );
  server.app.streams.subscribe(receiptsStream, (rows) => rows.forEach(({ row }) => reader.applyReceipt(row)));
});
afterAll(() => server.close());

async function newRoom(...members: Requester[]): Promise<string> {
  const { roomId } = await createRoom(server.app, alice, { preset: "public_chat" });
  for (const member of members) await changeMembership(server.app, member, { roomId, target: member.userId, action: "join" });
  return roomId;
}

async function say(sender: Requester, roomId: string, content: string | JsonObject): Promise<string> {
  const message = typeof content === "string" ? { msgtype: "m.text", body: content } : content;
  return (await sendRoomEvent(server.app, sender, { roomId, type: "m.room.message", content: message })).eventId;
}
const inThread = (root: string, body: string): JsonObject => ({ body, "m.relates_to": { rel_type: "m.thread", event_id: root } });
const read = (reading: Requester, roomId: string, eventId: string, threadId?: string, receiptType = "m.read"): Promise<void> =>
  setReceipt(server.app, reading, { roomId, receiptType, eventId, ...(threadId !== undefined && { threadId }) });

async function roomKey(roomId: string) {
  const room = await server.app.caches.rooms.byId(roomId);
  return { roomId, roomNid: room?.nid ?? 0 };
}

/** "notify/highlight" of the main timeline and of threads, the same out of three memories. */
async function counts(user: Requester, roomId: string): Promise<Record<string, string>> {
  const key = await roomKey(roomId);
  const shown = ({ main, threads }: RoomUnread): Record<string, string> =>
    Object.fromEntries([["main", main] as const, ...threads].map(([id, c]) => [id, `${c.notification_count}/${c.highlight_count}`]));
  const [here, there, cold] = await Promise.all(
    [server.app.push.unread, reader, emptyCounts()].map(async (unread) => {
      const found = await unreadCounts({ push: { ...server.app.push, unread } }, user.userId, [key]);
      return shown(found.get(roomId) as RoomUnread);
    }),
  );
  expect({ there, cold }).toEqual({ there: here, cold: here });
  return here ?? {};
}

test("messages count until they are read, or until the user sends something", async () => {
  const roomId = await newRoom(bob);
  expect(await counts(alice, roomId)).toEqual({ main: "0/0" });
  const first = await say(bob, roomId, "one");
  await say(bob, roomId, "alice: two");
  expect(await counts(alice, roomId)).toEqual({ main: "2/1" });
  expect(await counts(bob, roomId)).toEqual({ main: "0/0" });
  await read(alice, roomId, first);
  expect(await counts(alice, roomId)).toEqual({ main: "1/1" });
  await say(alice, roomId, "three");
  expect(await counts(alice, roomId)).toEqual({ main: "0/0" });
  expect(await counts(bob, roomId)).toEqual({ main: "1/0" });
});

test("what was said before somebody joined does not count", async () => {
  const roomId = await newRoom();
  await say(alice, roomId, "carol");
  await changeMembership(server.app, carol, { roomId, target: carol.userId, action: "join" });
  expect(await counts(carol, roomId)).toEqual({ main: "0/0" });
  await say(alice, roomId, "hello");
  expect(await counts(carol, roomId)).toEqual({ main: "1/0" });
  await changeMembership(server.app, carol, { roomId, target: carol.userId, action: "leave" });
  await say(alice, roomId, "hello");
  await changeMembership(server.app, carol, { roomId, target: carol.userId, action: "join" });
  expect(await counts(carol, roomId)).toEqual({ main: "0/0" });
});

test("the further of the public and the private receipt counts", async () => {
  const roomId = await newRoom(bob);
  const events = [];
  for (const body of ["1", "2", "3"]) events.push(await say(bob, roomId, body));
  const [first = "", second = "", third = ""] = events;
  await read(alice, roomId, second, undefined, "m.read.private");
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
  await read(alice, roomId, first);
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
  await read(alice, roomId, third);
  expect(await counts(alice, roomId)).toEqual({ main: "0/0" });
});

describe("threads", () => {
  test("count for themselves and are read for themselves", async () => {
    const roomId = await newRoom(bob);
    const root = await say(bob, roomId, "root");
    const reply = await say(bob, roomId, inThread(root, "alice"));
    await say(bob, roomId, inThread(root, "more"));
    expect(await counts(alice, roomId)).toEqual({ main: "1/0", [root]: "2/1" });
    await read(alice, roomId, root, "main");
    expect(await counts(alice, roomId)).toEqual({ main: "0/0", [root]: "2/1" });
    await read(alice, roomId, reply, root);
    expect(await counts(alice, roomId)).toEqual({ main: "0/0", [root]: "1/0" });
    const last = await say(bob, roomId, "later");
    await read(alice, roomId, last);
    expect(await counts(alice, roomId)).toEqual({ main: "0/0" });
  });

  test("sending marks the thread as read", async () => {
    const roomId = await newRoom(bob);
    const root = await say(bob, roomId, "root");
    await say(bob, roomId, inThread(root, "reply"));
    await say(alice, roomId, inThread(root, "answer"));
    expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
    await say(bob, roomId, inThread(root, "reply"));
    await say(alice, roomId, "in the room");
    expect(await counts(alice, roomId)).toEqual({ main: "0/0", [root]: "1/0" });
  });

  test("an event that follows one in a thread belongs there too", async () => {
    const roomId = await newRoom(bob);
    const root = await say(bob, roomId, "root");
    const reply = await say(bob, roomId, inThread(root, "reply"));
    await say(bob, roomId, { body: "alice", "m.relates_to": { rel_type: "m.reference", event_id: reply } });
    await say(bob, roomId, { body: "hi", "m.relates_to": { rel_type: "m.reference", event_id: root } });
    expect(await counts(alice, roomId)).toEqual({ main: "2/0", [root]: "2/1" });
  });
});

test("mentions in m.mentions, of users and of the room", async () => {
  const roomId = await newRoom(bob);
  await say(bob, roomId, { body: "x", "m.mentions": { user_ids: [alice.userId, "@nobody:test.local"] } });
  expect(await counts(alice, roomId)).toEqual({ main: "1/1" });
  await say(bob, roomId, { body: "x", "m.mentions": { room: true } });
  expect(await counts(alice, roomId)).toEqual({ main: "2/1" });
  await say(alice, roomId, { body: "x", "m.mentions": { room: true } });
  expect(await counts(bob, roomId)).toEqual({ main: "1/1" });
});

test("rules hold from when they were set", async () => {
  const roomId = await newRoom(bob, carol);
  const mute = (user: Requester) => putPushRule(server.app, user.userId, `global/room/${roomId}`, { actions: [] }, {});
  await say(bob, roomId, "one");
  await mute(alice);
  await say(bob, roomId, "two");
  await mute(carol);
  await say(bob, roomId, "three");
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
  expect(await counts(carol, roomId)).toEqual({ main: "2/0" });
  await putPushRule(server.app, carol.userId, `global/room/${roomId}/enabled`, { enabled: false }, {});
  await say(bob, roomId, "four");
  expect(await counts(carol, roomId)).toEqual({ main: "3/0" });
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
  const rows = await server.app.db<{ n: number }>`
    select count(*) as n from event_push_users where room_nid = ${(await roomKey(roomId)).roomNid}`;
  expect(rows[0]?.n).toBe(0);
});

test("keywords and changed default rules", async () => {
  const roomId = await newRoom(bob);
  const actions = ["notify", { set_tweak: "highlight" }];
  await putPushRule(server.app, bob.userId, "global/content/cake", { pattern: "cake", actions }, {});
  await putPushRule(server.app, bob.userId, "global/underride/.m.rule.message/actions", { actions: [] }, {});
  await putPushRule(server.app, bob.userId, "global/underride/.m.rule.room_one_to_one/enabled", { enabled: false }, {});
  await say(alice, roomId, "hello");
  await say(alice, roomId, "I have cake");
  expect(await counts(bob, roomId)).toEqual({ main: "1/1" });
  await putPushRule(server.app, bob.userId, "global/override/.m.rule.master/enabled", { enabled: true }, {});
  await say(alice, roomId, "bob, cake!");
  expect(await counts(bob, roomId)).toEqual({ main: "1/1" });
  await putPushRule(server.app, bob.userId, "global/override/.m.rule.master/enabled", { enabled: false }, {});
});

test("a redacted message counts no more", async () => {
  const roomId = await newRoom(carol);
  const eventId = await say(carol, roomId, "alice, sorry");
  await say(carol, roomId, "hello");
  expect(await counts(alice, roomId)).toEqual({ main: "2/1" });
  await redactEvent(server.app, carol, { roomId, eventId });
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
});

test("a change of one's name does not mark rooms as read", async () => {
  const roomId = await newRoom(carol);
  await say(carol, roomId, "hello");
  await sendRoomEvent(server.app, alice, {
    roomId,
    type: "m.room.member",
    stateKey: alice.userId,
    content: { membership: "join", displayname: "Queen" },
  });
  expect(await counts(alice, roomId)).toEqual({ main: "1/0" });
  await say(carol, roomId, "the queen");
  expect(await counts(alice, roomId)).toEqual({ main: "2/1" });
});

test("the badge counts rooms, and invites", async () => {
  const dave = requesterFor("@dave:test.local");
  const rooms = [await newRoom(dave), await newRoom(dave)];
  for (const roomId of rooms) for (const body of ["1", "2"]) await say(alice, roomId, body);
  await createRoom(server.app, alice, { invite: [dave.userId] });
  expect(await badgeCount(server.app, dave.userId)).toBe(3);
});

test("old events are forgotten, but for the newest", async () => {
  const roomId = await newRoom(carol);
  for (let i = 0; i < 6; i++) await say(carol, roomId, i % 2 ? "alice" : "hello");
  const { roomNid } = await roomKey(roomId);
  await deleteOldActions(server.app.db, [roomNid], Number.MAX_SAFE_INTEGER, 4);
  const cold = await emptyCounts().of(alice.userId, [{ roomId, roomNid }]);
  expect(cold.get(roomId)?.get("main")).toEqual({ notify: 4, highlight: 2 });
  await deletePushDataOfRooms(server.app.db, [roomNid]);
  expect((await emptyCounts().of(alice.userId, [{ roomId, roomNid }])).get(roomId)?.size).toBe(0);
});

test("memory and database agree whatever happens", async () => {
  const roomId = await newRoom(bob, carol);
  const users = [alice, bob, carol];
  const events: { eventId: string; root: string | undefined }[] = [{ eventId: await say(alice, roomId, "start"), root: undefined }];
  let seed = 7;
  const pick = <T>(items: readonly T[]): T => items[(seed = (seed * 48_271) % 2_147_483_647) % items.length] as T;
  const send = async (user: Requester): Promise<void> => {
    const root = pick([undefined, undefined, events[0]?.eventId]);
    const body = pick(["hello", "alice", "bob and carol", "carol"]);
    events.push({ eventId: await say(user, roomId, root ? inThread(root, body) : body), root });
  };
  const steps = {
    send,
    again: send,
    read: async (user: Requester) => {
      const event = pick(events);
      await read(user, roomId, event.eventId, pick([undefined, event.root ?? "main"]), pick(["m.read", "m.read.private"]));
    },
    rules: (user: Requester) => putPushRule(server.app, user.userId, `global/room/${roomId}`, { actions: pick([[], ["notify"]]) }, {}),
    redact: async () => {
      // A redacted event is in no thread any more, so there are no receipts for it.
      const [event] = events.splice(1 + pick([0, 1, 2, 5]), 1);
      if (event) await redactEvent(server.app, alice, { roomId, eventId: event.eventId });
    },
  };
  for (let i = 0; i < 150; i++) {
    await steps[pick(["send", "again", "again", "read", "read", "rules", "redact"] as const)](pick(users));
    if (i % 3 === 0) await counts(pick(users), roomId);
  }
  for (const user of users) await counts(user, roomId);
});
