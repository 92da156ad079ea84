import { accountDataSince } from "../../../src/handlers/accountData";
import { setReadMarkers } from "../../../src/handlers/readMarkers";
import { receiptContent, receiptsSince, receiveReceipts, setReceipt, threadOf } from "../../../src/handlers/receipts";
import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { sendRoomEvent } from "../../../src/handlers/rooms/messages";
import type { JsonObject } from "../../../src/lib/json";
import { readPositions, receiptStreamBetween, receiptsOfRooms } from "../../../src/storage/receipts";
import { accountDataStream } from "../../../src/streams/accountData";
import { receiptsStream } from "../../../src/streams/receipts";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
let roomId: string;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });
const events: string[] = [];

const position = (): number => server.app.streams.position(receiptsStream);

async function send(content: JsonObject): Promise<string> {
  return (await sendRoomEvent(server.app, alice, { roomId, type: "m.room.message", content })).eventId;
}

beforeAll(async () => {
  server = await createTestApp();
  ({ roomId } = await createRoom(server.app, alice, { preset: "public_chat" }));
  await changeMembership(server.app, bob, { roomId, target: bob.userId, action: "join" });
  for (let i = 0; i < 5; i++) events.push(await send({ body: `${i}` }));
});
afterAll(() => server.close());

const event = (n: number): string => events[n] ?? "";
const read = (n: number, receiptType = "m.read", requester = bob): Promise<void> =>
  setReceipt(server.app, requester, { roomId, receiptType, eventId: event(n) });

/** The m.receipt content that userId gets for what happened after `from`, out of memory and out of the database. */
async function seen(from: number, userId = alice.userId): Promise<JsonObject | undefined> {
  const { app } = server;
  const range = { roomIds: [roomId], from, to: position(), userId };
  const content = (await receiptsSince(app, range)).get(roomId);
  const stored = await receiptsOfRooms(app.db, [roomId], from, range.to, userId);
  expect(content?.toJSON()).toEqual(stored.length > 0 ? receiptContent(stored).toJSON() : undefined);
  return content?.toJSON() as JsonObject | undefined;
}

test("a receipt is seen by others, and never goes back", async () => {
  const before = position();
  await read(2);
  expect(position()).toBe(before + 1);
  expect(await seen(before)).toEqual({ [event(2)]: { "m.read": { [bob.userId]: { ts: expect.any(Number) } } } });
  await read(1);
  await read(2);
  expect(position()).toBe(before + 1);
  await read(3);
  expect(position()).toBe(before + 2);
  expect(Object.keys((await seen(before)) ?? {})).toEqual([event(3)]);
  expect(await seen(position())).toBeUndefined();
});

test("of receipts at once the furthest counts", async () => {
  const user = requesterFor("@many:test.local");
  await changeMembership(server.app, user, { roomId, target: user.userId, action: "join" });
  const before = position();
  await Promise.all([1, 4, 0, 2].map((n) => read(n, "m.read", user)));
  expect(position()).toBe(before + 1);
  expect(Object.keys((await seen(before)) ?? {})).toEqual([event(4)]);
});

test("private receipts are their owner's alone", async () => {
  const before = position();
  await read(4, "m.read.private");
  expect(await seen(before, alice.userId)).toBeUndefined();
  expect(await seen(before, bob.userId)).toEqual({ [event(4)]: { "m.read.private": { [bob.userId]: { ts: expect.any(Number) } } } });
});

test("threads have receipts of their own", async () => {
  const { app } = server;
  const root = event(0);
  const inThread = await send({ body: "t", "m.relates_to": { rel_type: "m.thread", event_id: root } });
  const edit = await send({ body: "e", "m.relates_to": { rel_type: "m.replace", event_id: inThread } });
  expect(await threadOf(app.caches.events, edit)).toBe(root);
  expect(await threadOf(app.caches.events, root)).toBe("main");
  const before = position();
  const set = (eventId: string, threadId: string): Promise<void> =>
    setReceipt(app, bob, { roomId, receiptType: "m.read", eventId, threadId });
  await set(inThread, root);
  await set(event(3), "main");
  expect(await seen(before)).toEqual({
    [inThread]: { "m.read": { [bob.userId]: { ts: expect.any(Number), thread_id: root } } },
    [event(3)]: { "m.read": { [bob.userId]: { ts: expect.any(Number), thread_id: "main" } } },
  });
  const refused = { status: 400, errcode: "M_INVALID_PARAM" };
  await expect(set(inThread, "main")).rejects.toMatchObject(refused);
  await expect(set(event(3), root)).rejects.toMatchObject(refused);
  await expect(set(event(3), "")).rejects.toMatchObject(refused);
  const positions = await readPositions(app.db, [bob.userId], [roomId]);
  expect(new Set(positions.map((p) => p.threadId))).toEqual(new Set(["", "main", root]));
});

test("on one event the unthreaded receipt hides the threaded one", async () => {
  const receipt = { roomId, userId: "@a:x", receiptType: "m.read", eventId: "$e" };
  const threaded = { ...receipt, threadId: "main", data: '{"ts":1,"thread_id":"main"}' };
  const unthreaded = { ...receipt, threadId: "", data: '{"ts":2}' };
  for (const order of [
    [threaded, unthreaded],
    [unthreaded, threaded],
  ]) {
    expect(receiptContent(order).toJSON()).toEqual({ $e: { "m.read": { "@a:x": { ts: 2 } } } });
  }
});

test("refusals", async () => {
  const { app } = server;
  const request = { roomId, receiptType: "m.read", eventId: event(0) };
  await expect(setReceipt(app, bob, { ...request, receiptType: "not.m.read" })).rejects.toMatchObject({
    status: 400,
    errcode: "M_INVALID_PARAM",
  });
  await expect(setReceipt(app, bob, { ...request, eventId: "no" })).rejects.toMatchObject({ status: 400 });
  await expect(setReceipt(app, bob, { ...request, roomId: "no" })).rejects.toMatchObject({ status: 400 });
  await expect(setReceipt(app, bob, { ...request, threadId: 5 })).rejects.toMatchObject({ status: 400 });
  await expect(setReceipt(app, bob, { ...request, receiptType: "m.fully_read", threadId: "main" })).rejects.toMatchObject({ status: 400 });
  await expect(setReceipt(app, requesterFor("@stranger:test.local"), request)).rejects.toMatchObject({ status: 403 });
});

test("read markers: marker and receipts in one, and the marker never goes back", async () => {
  const { app } = server;
  const before = app.streams.position(accountDataStream);
  const marker = async (): Promise<unknown> => {
    const data = await accountDataSince(app, bob.userId, before, app.streams.position(accountDataStream));
    return JSON.parse(JSON.stringify(data.rooms.get(roomId)));
  };
  await setReadMarkers(app, bob, roomId, { "m.fully_read": event(2), "m.read": event(4), "m.read.private": null });
  const expected = [{ type: "m.fully_read", content: { event_id: event(2) } }];
  expect(await marker()).toEqual(expected);
  await setReadMarkers(app, bob, roomId, { "m.fully_read": event(1) });
  expect(await marker()).toEqual(expected);
  expect(app.streams.position(accountDataStream)).toBe(before + 1);
  await setReceipt(app, bob, { roomId, receiptType: "m.fully_read", eventId: event(3) });
  expect(await marker()).toEqual([{ type: "m.fully_read", content: { event_id: event(3) } }]);
});

test("other servers speak for their users only, in rooms they are in", async () => {
  const { app } = server;
  const before = position();
  const edu = (userId: string): JsonObject => ({ [roomId]: { "m.read": { [userId]: { event_ids: [event(4)], data: { ts: 1 } } } } });
  await receiveReceipts(app, "remote.test", edu("@r:remote.test"));
  expect(position()).toBe(before);
  const room = await app.caches.rooms.byId(roomId);
  (await app.caches.memberships.ofRoom(room?.nid ?? 0)).hosts.set("remote.test", 1);
  await receiveReceipts(app, "remote.test", edu("@r:elsewhere.test"));
  await receiveReceipts(app, "remote.test", { [roomId]: { "m.read": { "@r:remote.test": { event_ids: "x" } } }, "no room": 5 });
  expect(position()).toBe(before);
  await receiveReceipts(app, "remote.test", edu("@r:remote.test"));
  expect(await seen(before)).toEqual({ [event(4)]: { "m.read": { "@r:remote.test": { ts: 1 } } } });
});

test("a receipt for an event that is not here yet gives way to any other", async () => {
  const user = requesterFor("@early:test.local");
  await changeMembership(server.app, user, { roomId, target: user.userId, action: "join" });
  const before = position();
  await setReceipt(server.app, user, { roomId, receiptType: "m.read", eventId: "$not_here_yet" });
  await read(0, "m.read", user);
  expect(position()).toBe(before + 2);
  expect(await receiptStreamBetween(server.app.db, before, position())).toMatchObject([
    { row: { eventId: event(0), userId: user.userId } },
  ]);
});
