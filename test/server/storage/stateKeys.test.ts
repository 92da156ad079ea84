import { createStateGroupCache, storedGroup } from "../../../src/caches/stateGroups";
import { systemClock } from "../../../src/lib/clock";
import { createTurns } from "../../../src/lib/turns";
import type { StateGroup } from "../../../src/caches/stateGroups";
import { createStateKeys } from "../../../src/caches/stateKeys";
import type { StatePair } from "../../../src/caches/stateKeys";
import { emptyPackedMap, packedDiff, packedMapOf, packedMerge } from "../../../src/lib/packedMap";
import { FIRST_MEMBER_KEY, insertStateGroups } from "../../../src/storage/state";
import type { StateGroupRow } from "../../../src/storage/state";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

const pairs = (type: string, count: number): StatePair[] => Array.from({ length: count }, (_, i) => [type, `key ${i}`]);

test("a pair has one number, whoever makes it and however many there are", async () => {
  const [mine, others] = [createStateKeys(database.db, 10), createStateKeys(database.db, 10)];
  const wanted = [...pairs("org.example.a", 200), ...pairs("m.room.member", 50)];
  const [first, second] = await Promise.all([mine.intern(wanted), others.intern([...wanted].reverse())]);
  expect([...second].reverse()).toEqual(first);
  expect(new Set(first).size).toBe(250);
  expect(first.map((nid) => nid >= FIRST_MEMBER_KEY)).toEqual(wanted.map(([type]) => type === "m.room.member"));
  expect(await createStateKeys(database.db, 10).find([...wanted, ["org.example.a", "nobody"]])).toEqual([...first, undefined]);
});

test("a pair that is asked for twice at once is made once", async () => {
  const keys = createStateKeys(database.db, 10);
  const [a, b] = await keys.intern([
    ["org.example.twice", ""],
    ["org.example.twice", ""],
  ]);
  expect(a).toBe(b);
});

test("stored groups read back as the states that they were made of", async () => {
  const groups: StateGroup[] = [];
  const rows: StateGroupRow[] = [];
  for (let i = 0; i < 300; i++) {
    const parent = groups[i % 7 === 6 ? Math.max(0, i - 5) : i - 1];
    const delta = packedMapOf([i % 3 === 0 ? i % 20 : i], [1000 + i]);
    const next = storedGroup(i + 1, 1, parent, { state: packedMerge(parent?.state ?? emptyPackedMap, delta), delta });
    groups.push(next.group);
    rows.push(next.row);
  }
  await insertStateGroups(database.db, rows);
  const read = await createStateGroupCache(database.db, createTurns(systemClock), 1_000_000).loadMany(groups.map(({ id }) => id));
  expect(read.size).toBe(groups.length);
  for (const group of groups) {
    const found = read.get(group.id) as StateGroup;
    expect(packedDiff(found.state, group.state)).toEqual([]);
    expect(found.chain.map(({ id }) => id)).toEqual(group.chain.map(({ id }) => id));
    expect(found.snapshotId).toBe(group.snapshotId);
  }
});
