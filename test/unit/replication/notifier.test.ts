import { systemClock } from "../../../src/lib/clock";
import { Notifier } from "../../../src/replication/notifier";
import { eventually } from "../../builders/eventually";

const LONG = 60_000;

function setUp(ttlMs?: number) {
  const woken: [string, number][] = [];
  const notifier = new Notifier({ clock: systemClock, ttlMs, metrics: { woken: (stream, users) => woken.push([stream, users]) } });
  return { notifier, woken };
}

test("a user is woken by name and by room, others are not", async () => {
  const { notifier } = setUp();
  const alice = notifier.listener("@alice", ["!a"]);
  const bob = notifier.listener("@bob", ["!b"]);
  const waits = [alice.wait(LONG), bob.wait(0)];
  notifier.wake("events", { rooms: ["!a"] });
  expect(await Promise.all(waits)).toEqual([true, false]);
  const named = bob.wait(LONG);
  notifier.wake("to_device", { users: ["@bob"] });
  expect(await named).toBe(true);
});

test("what happens between registering and waiting is not missed, and counts once", async () => {
  const { notifier } = setUp();
  const listener = notifier.listener("@alice", ["!a"]);
  notifier.wake("events", { rooms: ["!a"] });
  expect(await listener.wait(LONG)).toBe(true);
  expect(await listener.wait(1)).toBe(false);
});

test("many events of one turn wake a user once", async () => {
  const { notifier, woken } = setUp();
  const listener = notifier.listener("@alice", ["!a", "!b"]);
  const wait = listener.wait(LONG);
  for (let i = 0; i < 100; i++) notifier.wake("events", { rooms: ["!a", "!b"] });
  expect(await wait).toBe(true);
  expect(woken).toEqual([["events", 1]]);
});

test("all requests of a user are woken", async () => {
  const { notifier } = setUp();
  const waits = [1, 2, 3].map(() => notifier.listener("@alice", []).wait(LONG));
  notifier.wake("to_device", { users: ["@alice"] });
  expect(await Promise.all(waits)).toEqual([true, true, true]);
});

test("joining and leaving move an active user between rooms", async () => {
  const { notifier } = setUp();
  const listener = notifier.listener("@alice", ["!a"]);
  notifier.leftRoom("@alice", "!a");
  notifier.joinedRoom("@alice", "!b");
  notifier.joinedRoom("@nobody", "!b");
  notifier.wake("events", { rooms: ["!a"] });
  expect(await listener.wait(1)).toBe(false);
  notifier.wake("events", { rooms: ["!b"] });
  expect(await listener.wait(LONG)).toBe(true);
  expect(notifier.activeIn("!b")).toEqual(["@alice"]);
});

test("an aborted request stops waiting", async () => {
  const { notifier } = setUp();
  const abort = new AbortController();
  const wait = notifier.listener("@alice", []).wait(LONG, abort.signal);
  abort.abort();
  expect(await wait).toBe(false);
  expect(await notifier.listener("@alice", []).wait(LONG, abort.signal)).toBe(false);
});

test("rooms outlive a poll, but not for ever", async () => {
  const { notifier } = setUp(40);
  notifier.listener("@alice", ["!a"]).close();
  expect(notifier.idle()).toBe(true);
  const next = notifier.listener("@alice", []);
  notifier.wake("events", { rooms: ["!a"] });
  expect(await next.wait(LONG)).toBe(true);
  next.close();
  await eventually(() => notifier.stats().users === 0 && notifier.stats().rooms === 0);
});

test("closing ends waits and closing twice counts once", async () => {
  const { notifier } = setUp();
  const listener = notifier.listener("@alice", []);
  const wait = listener.wait(LONG);
  listener.close();
  listener.close();
  expect(await wait).toBe(false);
  expect(notifier.stats().listeners).toBe(0);
  const other = notifier.listener("@bob", []).wait(LONG);
  notifier.close();
  expect(await other).toBe(false);
});

test("ten thousand waiters: a wake-up costs what it concerns", async () => {
  const { notifier } = setUp();
  const waits = Array.from({ length: 10_000 }, (_, i) => notifier.listener(`@u${i}`, [`!r${i % 1000}`, "!everywhere"]).wait(LONG));
  notifier.wake("events", { rooms: ["!r7"] });
  expect(await waits[7]).toBe(true);
  expect(await waits[1007]).toBe(true);
  notifier.wake("events", { rooms: ["!everywhere"] });
  expect((await Promise.all(waits)).every(Boolean)).toBe(true);
});
