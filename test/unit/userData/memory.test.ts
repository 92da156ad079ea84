import fc from "fast-check";
import { createLastChanges } from "../../../src/caches/lastChanges";
import { createPresenceView } from "../../../src/caches/presence";
import { createRecentRows } from "../../../src/caches/recentRows";
import { createTypingView } from "../../../src/caches/typing";
import { createDeadlines } from "../../../src/lib/deadlines";
import { offlineRow } from "../../../src/writers/presenceMachine";

test("deadlines come up once, never early, at most one step late", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(5_000))), fc.array(fc.nat(5_000)), (sets, times) => {
      const deadlines = createDeadlines(100);
      const expected = new Map<string, number>();
      for (const [key, at] of sets) {
        deadlines.set(String(key), at);
        expected.set(String(key), at);
      }
      for (const now of times.sort((a, b) => a - b)) {
        for (const key of deadlines.due(now)) {
          expect(expected.get(key)).toBeLessThanOrEqual(now);
          expected.delete(key);
        }
        for (const at of expected.values()) expect(at).toBeGreaterThan(now - 100);
      }
      expect(deadlines.size).toBe(expected.size);
    }),
  );
});

test("a deadline in the past comes up at the next look, and can be taken away", () => {
  const deadlines = createDeadlines(100);
  expect(deadlines.due(1_000_000_000)).toEqual([]);
  deadlines.set("a", 5);
  deadlines.set("b", 5);
  deadlines.set("b", undefined);
  expect(deadlines.due(1_000_000_100)).toEqual(["a"]);
});

test("last changes never deny a change that happened", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 60 }), fc.nat(60), fc.nat(9), (entities, since, asked) => {
      const changes = createLastChanges(() => 0, 4);
      entities.forEach((entity, i) => changes.note(String(entity), i + 1));
      const changed = entities.some((entity, i) => entity === asked && i + 1 > since);
      if (changed) expect(changes.maybeChanged(String(asked), since)).toBe(true);
    }),
  );
});

test("last changes are certain within what they remember", () => {
  const changes = createLastChanges(() => 10, 2);
  changes.note("a", 11);
  changes.note("b", 12);
  expect(changes.maybeChanged("a", 11)).toBe(false);
  expect(changes.maybeChanged("never", 10)).toBe(false);
  expect(changes.maybeChanged("never", 9)).toBe(true);
  changes.note("c", 13);
  expect(changes.maybeChanged("never", 10)).toBe(true);
  expect(changes.maybeChanged("a", 11)).toBe(false);
});

test("recent rows tell what they know and admit what they do not", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 80 }), fc.nat(80), fc.nat(80), (keys, from, span) => {
      const recent = createRecentRows<{ streamId: number; key: number }>(() => 0, 16);
      keys.forEach((key, i) => recent.push(String(key), { streamId: i + 1, key }));
      const all = keys.map((key, i) => ({ streamId: i + 1, key }));
      for (const key of [0, 1, 2, 3]) {
        const expected = all.filter((row) => row.key === key && row.streamId > from && row.streamId <= from + span);
        const known = recent.between(String(key), from, from + span);
        if (known) expect(known).toEqual(expected);
        else expect(from).toBeLessThan(keys.length - 11);
      }
      const after = recent.after(from);
      if (after) expect(after).toEqual(all.filter((row) => row.streamId > from));
    }),
  );
});

test("recent rows: of one key no more are kept than are of use", () => {
  const recent = createRecentRows<{ streamId: number }>(() => 0, 10_000);
  for (let streamId = 1; streamId <= 1_500; streamId++) recent.push("busy", { streamId });
  recent.push("calm", { streamId: 1_501 });
  expect(recent.between("busy", 0, 1_501)).toBeUndefined();
  expect(recent.between("busy", 1_400, 1_450)?.map((row) => row.streamId)).toEqual(Array.from({ length: 50 }, (_, i) => 1_401 + i));
  expect(recent.between("calm", 0, 1_501)).toEqual([{ streamId: 1_501 }]);
});

test("typing: changes since a position", () => {
  const view = createTypingView();
  view.set("!a", ["@x"], 5);
  view.set("!b", ["@y"], 6);
  view.set("!a", [], 7);
  const rooms = new Set(["!a", "!b", "!c"]);
  expect(view.changedSince(rooms, 0).sort()).toEqual(["!a", "!b"]);
  expect(view.changedSince(rooms, 5).sort()).toEqual(["!a", "!b"]);
  expect(view.changedSince(rooms, 6)).toEqual(["!a"]);
  expect(view.changedSince(new Set(["!b"]), 6)).toEqual([]);
  expect(view.changedSince(rooms, 7)).toEqual([]);
});

test("typing: a new life of the writer ends what it does not know", () => {
  const view = createTypingView();
  view.set("!a", ["@x"], 5);
  view.set("!b", ["@y"], 6);
  view.reset(new Map([["!b", ["@z"]]]), 20);
  expect(view.of("!a")).toEqual([]);
  expect(view.of("!b")).toEqual(["@z"]);
  expect(view.changedSince(new Set(["!a", "!b"]), 6).sort()).toEqual(["!a", "!b"]);
});

test("typing: rooms in which nobody types are forgotten first", () => {
  const view = createTypingView(2);
  view.set("!a", ["@x"], 1);
  view.set("!b", [], 2);
  view.set("!c", [], 3);
  expect(view.of("!a")).toEqual(["@x"]);
  expect(view.changedSince(new Set(["!b"]), 1)).toEqual([]);
});

test("presence: who changed, who is there, and a new life of the writer", () => {
  const view = createPresenceView(() => 0, 100);
  view.set({ ...offlineRow("@a"), state: "online" }, 1);
  view.set({ ...offlineRow("@b"), state: "online" }, 2);
  view.set({ ...offlineRow("@b"), lastActiveTs: 7 }, 3);
  expect(view.changedSince(1)).toEqual(new Set(["@b"]));
  expect([...view.present()].map((row) => row.userId)).toEqual(["@a"]);
  expect(view.get("@b")).toMatchObject({ state: "offline", lastActiveTs: 7 });
  view.reset([{ ...offlineRow("@c"), state: "online" }], 9);
  expect(view.changedSince(3)).toEqual(new Set(["@a", "@c"]));
  expect(view.get("@a")?.state).toBe("offline");
  expect(view.size).toBe(1);
});
