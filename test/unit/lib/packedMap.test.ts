import fc from "fast-check";
import {
  emptyPackedMap,
  packedBytes,
  packedDiff,
  packedForEach,
  packedGet,
  packedKeys,
  packedMapOf,
  packedMerge,
  packedSplit,
  packedValues,
  packedWith,
  packedWithout,
} from "../../../src/lib/packedMap";
import type { PackedMap } from "../../../src/lib/packedMap";

// Few keys next to each other, so that runs overflow, meet and become empty.
const key = fc.integer({ min: 0, max: 3000 });
const entries = fc.array(fc.tuple(key, fc.integer({ min: 1, max: 9 })), { maxLength: 2500, size: "max" });
const steps = fc.array(
  fc.oneof(
    fc.record({ op: fc.constant("with" as const), key, value: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ op: fc.constant("without" as const), key }),
    fc.record({ op: fc.constant("merge" as const), entries }),
    // A stretch of keys that rise or fall one by one.
    fc.record({ op: fc.constant("stretch" as const), from: key, length: fc.integer({ min: 1, max: 600 }), step: fc.constantFrom(1, -1) }),
  ),
  { maxLength: 12 },
);

type Steps = typeof steps extends fc.Arbitrary<infer T> ? T : never;

const packed = (of: readonly (readonly [number, number])[]): PackedMap =>
  packedMapOf(
    of.map(([k]) => k),
    of.map(([, v]) => v),
  );

const sorted = (map: ReadonlyMap<number, number>): [number, number][] => [...map].sort(([a], [b]) => a - b);

function contents(map: PackedMap): [number, number][] {
  const out: [number, number][] = [];
  packedForEach(map, (k, v) => out.push([k, v]));
  return out;
}

/** Does the same to a Map and a PackedMap; gives every state on the way. */
function play(begin: readonly (readonly [number, number])[], given: Steps): [Map<number, number>, PackedMap][] {
  const plain = new Map(begin);
  let map = packed(begin);
  const states: [Map<number, number>, PackedMap][] = [[new Map(plain), map]];
  for (const step of given) {
    if (step.op === "with") {
      plain.set(step.key, step.value);
      map = packedWith(map, step.key, step.value);
    } else if (step.op === "without") {
      plain.delete(step.key);
      map = packedWithout(map, step.key);
    } else if (step.op === "merge") {
      for (const [k, v] of step.entries) plain.set(k, v);
      map = packedMerge(map, packed(step.entries));
    } else {
      for (let i = 0; i < step.length; i++) {
        plain.set(step.from + i * step.step, i);
        map = packedWith(map, step.from + i * step.step, i);
      }
    }
    states.push([new Map(plain), map]);
  }
  return states;
}

test("does what a Map does, and a change leaves the map before it as it was", () => {
  fc.assert(
    fc.property(entries, steps, key, (begin, given, asked) => {
      for (const [plain, map] of play(begin, given)) {
        expect(contents(map)).toEqual(sorted(plain));
        expect(map.size).toBe(plain.size);
        expect(packedKeys(map)).toEqual(sorted(plain).map(([k]) => k));
        expect(packedValues(map)).toEqual(sorted(plain).map(([, v]) => v));
        expect(packedGet(map, asked)).toBe(plain.get(asked));
        const { below, rest } = packedSplit(map, asked);
        expect(contents(below)).toEqual(sorted(plain).filter(([k]) => k < asked));
        expect(contents(rest)).toEqual(sorted(plain).filter(([k]) => k >= asked));
      }
    }),
    { numRuns: 12 },
  );
});

test("tells two maps apart, whatever they share", () => {
  fc.assert(
    fc.property(entries, steps, (begin, given) => {
      const states = play(begin, given);
      const [before, after] = [states[0] as [Map<number, number>, PackedMap], states.at(-1) as [Map<number, number>, PackedMap]];
      const keys = [...new Set([...before[0].keys(), ...after[0].keys()])].sort((a, b) => a - b);
      const expected = keys
        .map((k) => ({ key: k, before: before[0].get(k), after: after[0].get(k) }))
        .filter((entry) => entry.before !== entry.after);
      expect(packedDiff(before[1], after[1])).toEqual(expected);
    }),
    { numRuns: 12 },
  );
});

test("a change shares all but one run, and runs neither become long nor many", () => {
  for (const order of [(i: number): number => i, (i: number): number => -i, (i: number): number => (i * 7919) % 6_007]) {
    let map = emptyPackedMap;
    for (let i = 0; i < 6_000; i++) {
      const next = packedWith(map, order(i), i);
      if (i % 100 === 0) expect(next.runs.filter((run) => !map.runs.includes(run)).length).toBeLessThanOrEqual(2);
      map = next;
    }
    expect(map.size).toBe(6_000);
    expect(Math.max(...map.runs.map(({ keys }) => keys.length))).toBeLessThanOrEqual(256);
    expect(map.runs.length).toBeLessThanOrEqual(6_000 / 100);
    expect(packedBytes(map)).toBeLessThan(6_000 * 20);
  }
});
