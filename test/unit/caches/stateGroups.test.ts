import fc from "fast-check";
import { storedGroup } from "../../../src/caches/stateGroups";
import type { StateGroup } from "../../../src/caches/stateGroups";
import { emptyPackedMap, packedMapOf, packedMerge } from "../../../src/lib/packedMap";
import type { PackedMap } from "../../../src/lib/packedMap";
import type { StateGroupRow } from "../../../src/storage/state";

const ROOM = 1;

/** What a read makes of the rows: deltas over a snapshot. */
function readBack(rows: ReadonlyMap<number, StateGroupRow>, id: number): { state: Map<number, number>; hops: number; entries: number } {
  const chain: StateGroupRow[] = [];
  for (let row = rows.get(id); row; row = row.prevId === null ? undefined : rows.get(row.prevId)) chain.push(row);
  const state = new Map<number, number>();
  for (const { keys, nids } of [...chain].reverse()) keys.forEach((key, i) => state.set(key, nids[i] ?? 0));
  return { state, hops: chain.length - 1, entries: chain.reduce((sum, { keys }) => sum + keys.length, 0) };
}

interface History {
  readonly rows: Map<number, StateGroupRow>;
  readonly groups: StateGroup[];
  readonly states: Map<number, number>[];
}

/** Groups made one after another: each of changes to the one before it, or to an older one. */
function history(changes: readonly { readonly back: number; readonly entries: readonly (readonly [number, number])[] }[]): History {
  const out: History = { rows: new Map(), groups: [], states: [] };
  changes.forEach(({ back, entries }, i) => {
    const at = Math.max(0, i - 1 - back);
    const parent = out.groups[at];
    const state = new Map([...(out.states[at] ?? []), ...entries]);
    const delta: PackedMap = packedMapOf(
      entries.map(([key]) => key),
      entries.map(([, nid]) => nid),
    );
    const { group, row } = storedGroup(i + 1, ROOM, parent, { state: packedMerge(parent?.state ?? emptyPackedMap, delta), delta });
    out.rows.set(row.id, row);
    out.groups.push(group);
    out.states.push(state);
  });
  return out;
}

const change = fc.record({
  back: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) }),
  entries: fc.array(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 2 ** 40 })), { minLength: 1, maxLength: 3 }),
});

test("chains of deltas give the states that changes make one by one", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 300, size: "max" }), (changes) => {
      const { rows, groups, states } = history(changes);
      groups.forEach(({ id, state }, i) => {
        const { state: read, hops, entries } = readBack(rows, id);
        const expected = states[i] as Map<number, number>;
        expect(read).toEqual(expected);
        expect(state.size).toBe(expected.size);
        expect(rows.get(id)?.hops).toBe(hops);
        expect(hops).toBeLessThanOrEqual(Math.log2(Math.max(8, expected.size)) + 1);
        // A snapshot is no larger than the state, and the deltas hold at most half of it.
        expect(entries).toBeLessThanOrEqual(expected.size + Math.max(8, expected.size / 2));
      });
    }),
    { numRuns: 20 },
  );
});

test("what is written for a change does not grow with the state", () => {
  const grow = (events: number): number => {
    const changes = Array.from({ length: events }, (_, i) => ({ back: 0, entries: [[i, i + 1]] as const }));
    let written = 0;
    let group: StateGroup | undefined;
    for (const [i, { entries }] of changes.entries()) {
      const delta = packedMapOf([entries[0][0]], [entries[0][1]]);
      const next = storedGroup(i + 1, ROOM, group, { state: packedMerge(group?.state ?? emptyPackedMap, delta), delta });
      group = next.group;
      written += next.row.keys.length;
    }
    return written / events;
  };
  // log2 of the number of changes, halved, and the snapshots.
  expect(grow(1_000)).toBeLessThan(10);
  expect(grow(20_000)).toBeLessThan(12);
});

test("a group that was stored as a long chain of small deltas is built on", () => {
  const chain = Array.from({ length: 60 }, (_, i) => ({ id: 100 - i, delta: packedMapOf([60 - i], [1]) }));
  const state = packedMapOf(
    Array.from({ length: 200 }, (_, i) => i),
    Array.from({ length: 200 }, () => 1),
  );
  const parent: StateGroup = { id: 100, state, chain, snapshotId: 40 };
  const { row, group } = storedGroup(101, ROOM, parent, { state: packedMerge(state, packedMapOf([7], [2])), delta: packedMapOf([7], [2]) });
  expect(row.prevId).toBe(40);
  expect(row.hops).toBe(1);
  expect(group.chain).toHaveLength(1);
  expect(row.keys).toHaveLength(60);
});
