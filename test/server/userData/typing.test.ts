import { requesterFor } from "../../../src/handlers/requester";
import { createRoom } from "../../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../../src/handlers/rooms/membership";
import { receiveTyping, setTyping, typingSince, typistsOf } from "../../../src/handlers/typing";
import { typingStream } from "../../../src/streams/typing";
import { TypingWriter } from "../../../src/writers/typing";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
let roomId: string;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });

beforeAll(async () => {
  server = await createTestApp();
  ({ roomId } = await createRoom(server.app, alice, { preset: "public_chat" }));
  await changeMembership(server.app, bob, { roomId, target: bob.userId, action: "join" });
});
afterAll(() => server.close());

const position = (): number => server.app.streams.position(typingStream);
const since = (from: number): unknown => Object.fromEntries(typingSince(server.app, new Set([roomId]), from));
const type = (typing: boolean, requester = alice): Promise<void> =>
  setTyping(server.app, requester, { roomId, userId: requester.userId, typing, timeoutMs: undefined });

test("typing is seen, ends, and renewing it is no news", async () => {
  const before = position();
  await type(true);
  await type(true, bob);
  const both = position();
  expect(since(before)).toEqual({ [roomId]: [alice.userId, bob.userId] });
  expect(since(0)).toEqual({ [roomId]: [alice.userId, bob.userId] });
  await type(true);
  expect(position()).toBe(both);
  await type(false);
  await type(false, bob);
  expect(since(both)).toEqual({ [roomId]: [] });
  expect(since(0)).toEqual({ [roomId]: [] });
  expect(typistsOf(server.app, roomId)).toEqual([]);
  await type(false);
  expect(since(position())).toEqual({});
});

test("whoever waits is woken", async () => {
  const listener = server.app.notifier.listener(bob.userId, [roomId]);
  await type(true);
  expect(await listener.wait(5_000)).toBe(true);
  listener.close();
  await type(false);
});

test("refusals", async () => {
  const { app } = server;
  const request = { roomId, userId: alice.userId, typing: true, timeoutMs: 1 };
  await expect(setTyping(app, bob, request)).rejects.toMatchObject({ status: 403 });
  const stranger = requesterFor("@stranger:test.local");
  await expect(setTyping(app, stranger, { ...request, userId: stranger.userId })).rejects.toMatchObject({ status: 403 });
});

test("other servers speak for their users only, in rooms they are in", async () => {
  const { app } = server;
  const edu = (userId: string, typing: boolean) => ({ room_id: roomId, user_id: userId, typing });
  await receiveTyping(app, "remote.test", edu("@r:remote.test", true));
  expect(typistsOf(app, roomId)).toEqual([]);
  const room = await app.caches.rooms.byId(roomId);
  (await app.caches.memberships.ofRoom(room?.nid ?? 0)).hosts.set("remote.test", 1);
  await receiveTyping(app, "remote.test", edu("@r:elsewhere.test", true));
  await receiveTyping(app, "remote.test", edu("@r:remote.test", true));
  expect(typistsOf(app, roomId)).toEqual(["@r:remote.test"]);
  await receiveTyping(app, "remote.test", edu("@r:remote.test", false));
  expect(typistsOf(app, roomId)).toEqual([]);
});

describe("the writer", () => {
  let now = 1_000_000;
  const rows: unknown[] = [];
  const writer = new TypingWriter({
    clock: { now: () => now },
    streams: { append: (_, added) => rows.push(...added), provide: () => undefined },
  });
  const told = (): unknown[] => rows.splice(0);
  afterAll(() => writer.resign());

  test("ends what is not renewed in time", () => {
    writer.set([
      { roomId: "!r", userId: "@a", timeoutMs: 10_000 },
      { roomId: "!r", userId: "@b", timeoutMs: 20_000 },
    ]);
    expect(told()).toEqual([{ roomId: "!r", users: ["@a", "@b"] }]);
    now += 9_000;
    writer.tick();
    expect(told()).toEqual([]);
    now += 1_500;
    writer.tick();
    expect(told()).toEqual([{ roomId: "!r", users: ["@b"] }]);
    writer.set([{ roomId: "!r", userId: "@b", timeoutMs: 30_000 }]);
    now += 20_000;
    writer.tick();
    expect(told()).toEqual([]);
    now += 20_000;
    writer.tick();
    expect(told()).toEqual([{ roomId: "!r", users: [] }]);
  });

  test("says again who goes on typing, before other servers forget", () => {
    for (let i = 0; i < 5; i++) {
      writer.set([{ roomId: "!r", userId: "@a", timeoutMs: 30_000 }]);
      now += 20_000;
    }
    expect(told()).toEqual([
      { roomId: "!r", users: ["@a"] },
      { roomId: "!r", users: ["@a"] },
      { roomId: "!r", users: ["@a"] },
    ]);
  });
});
