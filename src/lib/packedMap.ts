/**
 * A map from small integers to integers: parallel arrays sorted by key, in runs of bounded length. A resolved state of 50,000 entries takes
 * 0.6 MB so, against 14 MB as a Map of strings. Immutable: a change copies one run and the list of runs, and shares the others, so that
 * many states of one room beside each other take little more than one.
 */
export interface PackedMap {
  readonly size: number;
  /** None is empty; keys rise within a run and from one to the next. */
  readonly runs: readonly Run[];
}

interface Run {
  readonly keys: Int32Array;
  readonly values: Float64Array;
}

/** With 50,000 entries a run takes about as much as the list of runs. */
const MAX_RUN = 256;

/** Of the object and the two arrays of a run, without their contents. Measured. */
const RUN_BYTES = 250;

/** What a map takes in memory if it shares nothing. */
export const packedBytes = ({ size, runs }: PackedMap): number => 12 * size + RUN_BYTES * runs.length;

export const emptyPackedMap: PackedMap = { size: 0, runs: [] };

const mapOf = (runs: readonly Run[]): PackedMap => ({ size: runs.reduce((sum, { keys }) => sum + keys.length, 0), runs });

/** Makes a map of parallel arrays in any order; a later entry of the same key wins. */
export function packedMapOf(keys: ArrayLike<number>, values: ArrayLike<number>): PackedMap {
  const order = Array.from(keys, (_, i) => i).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
  const out = new Builder();
  order.forEach((i, at) => {
    const next = order[at + 1];
    if (next === undefined || keys[next] !== keys[i]) out.add(keys[i] ?? 0, values[i] ?? 0);
  });
  return mapOf(out.done("full"));
}

export const packedOne = (key: number, value: number): PackedMap => ({
  size: 1,
  runs: [{ keys: Int32Array.of(key), values: Float64Array.of(value) }],
});

export function packedKeys({ size, runs }: PackedMap): number[] {
  const out = new Array<number>(size);
  let n = 0;
  for (const { keys } of runs) for (const key of keys) out[n++] = key;
  return out;
}

/** In the order of their keys. */
export function packedValues({ size, runs }: PackedMap): number[] {
  const out = new Array<number>(size);
  let n = 0;
  for (const { values } of runs) for (const value of values) out[n++] = value;
  return out;
}

export function packedForEach({ runs }: PackedMap, visit: (key: number, value: number) => void): void {
  for (const { keys, values } of runs) for (let i = 0; i < keys.length; i++) visit(keys[i] ?? 0, values[i] ?? 0);
}

/** Where key stands, or the complement (~i) of where it would. */
function find(keys: Int32Array, key: number): number {
  let low = 0;
  let high = keys.length - 1;
  while (low <= high) {
    const mid = (low + high) >>> 1;
    const at = keys[mid] ?? 0;
    if (at === key) return mid;
    if (at < key) low = mid + 1;
    else high = mid - 1;
  }
  return ~low;
}

/** The last run that begins at or below key: where key is if it is anywhere. -1 where key is below all. */
function runOf(runs: readonly Run[], key: number): number {
  let low = 0;
  let high = runs.length - 1;
  while (low <= high) {
    const mid = (low + high) >>> 1;
    if ((runs[mid]?.keys[0] ?? 0) <= key) low = mid + 1;
    else high = mid - 1;
  }
  return high;
}

export function packedGet({ runs }: PackedMap, key: number): number | undefined {
  const run = runs[runOf(runs, key)];
  const at = run ? find(run.keys, key) : -1;
  return at < 0 ? undefined : run?.values[at];
}

/** A copy in which key has value. */
export const packedWith = (map: PackedMap, key: number, value: number): PackedMap => packedMerge(map, packedOne(key, value));

/** A copy with changes laid over it: runs without changes are shared. */
export function packedMerge(map: PackedMap, changes: PackedMap): PackedMap {
  if (changes.size === 0) return map;
  if (map.size === 0) return changes;
  const out: Run[] = [];
  const cursor = new Cursor(changes);
  for (let i = 0; i < map.runs.length; i++) {
    const run = map.runs[i] as Run;
    const end = map.runs[i + 1]?.keys[0] ?? Infinity;
    if (cursor.key < end) out.push(...mergedRun(run, cursor, end));
    else out.push(run);
  }
  return mapOf(out);
}

/** A run with the changes before `end` laid over it, as one run or more. */
function mergedRun({ keys, values }: Run, changes: Cursor, end: number): Run[] {
  const out = new Builder();
  let i = 0;
  while (i < keys.length || changes.key < end) {
    const left = i < keys.length ? (keys[i] ?? 0) : Infinity;
    if (changes.key <= left && changes.key < end) {
      if (changes.key === left) i++;
      out.add(changes.key, changes.value);
      changes.step();
    } else out.add(left, values[i++] ?? 0);
  }
  return out.done(end === Infinity ? "full" : "even");
}

/** A copy without key. */
export function packedWithout(map: PackedMap, key: number): PackedMap {
  const index = runOf(map.runs, key);
  const run = map.runs[index];
  const at = run ? find(run.keys, key) : -1;
  if (!run || at < 0) return map;
  const without =
    run.keys.length === 1 ? [] : [{ keys: run.keys.filter((_, i) => i !== at), values: run.values.filter((_, i) => i !== at) }];
  return { size: map.size - 1, runs: [...map.runs.slice(0, index), ...without, ...map.runs.slice(index + 1)] };
}

/** The part with keys from `from` on, and that below it. Shares the memory of the whole. */
export function packedSplit({ runs }: PackedMap, from: number): { readonly below: PackedMap; readonly rest: PackedMap } {
  const index = runOf(runs, from);
  const run = runs[index];
  if (!run) return { below: emptyPackedMap, rest: mapOf(runs) };
  const at = find(run.keys, from);
  const cut = at < 0 ? ~at : at;
  const part = (begin: number, end: number): Run[] =>
    begin < end ? [{ keys: run.keys.subarray(begin, end), values: run.values.subarray(begin, end) }] : [];
  return {
    below: mapOf([...runs.slice(0, index), ...part(0, cut)]),
    rest: mapOf([...part(cut, run.keys.length), ...runs.slice(index + 1)]),
  };
}

/** The keys whose values differ, with both values; undefined where a map lacks the key. Does not look at what both share. */
export function packedDiff(before: PackedMap, after: PackedMap): { key: number; before: number | undefined; after: number | undefined }[] {
  const out: { key: number; before: number | undefined; after: number | undefined }[] = [];
  const [left, right] = [new Cursor(before), new Cursor(after)];
  while (left.key < Infinity || right.key < Infinity) {
    if (left.skipShared(right)) continue;
    const key = Math.min(left.key, right.key);
    const entry = { key, before: left.key === key ? left.value : undefined, after: right.key === key ? right.value : undefined };
    if (entry.before !== entry.after) out.push(entry);
    if (left.key === key) left.step();
    if (right.key === key) right.step();
  }
  return out;
}

/** Walks through a map. Its key is Infinity at the end. */
class Cursor {
  key = Infinity;
  value = 0;
  private run = 0;
  private at = 0;

  constructor(private readonly map: PackedMap) {
    this.read();
  }

  step(): void {
    if (++this.at >= (this.map.runs[this.run]?.keys.length ?? 0)) this.nextRun();
    else this.read();
  }

  /** Passes over a run that begins here in both maps; whether there was one. */
  skipShared(other: Cursor): boolean {
    const run = this.map.runs[this.run];
    if (run === undefined || run !== other.map.runs[other.run] || this.at > 0 || other.at > 0) return false;
    this.nextRun();
    other.nextRun();
    return true;
  }

  private nextRun(): void {
    this.run++;
    this.at = 0;
    this.read();
  }

  private read(): void {
    const run = this.map.runs[this.run];
    this.key = run?.keys[this.at] ?? Infinity;
    this.value = run?.values[this.at] ?? 0;
  }
}

/** Makes runs of entries that come in the order of their keys. */
class Builder {
  private readonly keys: number[] = [];
  private readonly values: number[] = [];

  add(key: number, value: number): void {
    this.keys.push(key);
    this.values.push(value);
  }

  /** "full": as long as may be, for keys that go on rising. "even": with room for more everywhere. */
  done(fill: "full" | "even"): Run[] {
    const total = this.keys.length;
    const length = fill === "full" ? MAX_RUN : Math.ceil(total / Math.max(1, Math.ceil(total / MAX_RUN)));
    const out: Run[] = [];
    for (let from = 0; from < total; from += length) {
      const part = <T>(of: readonly T[]): T[] => (total <= MAX_RUN ? (of as T[]) : of.slice(from, from + length));
      out.push({ keys: Int32Array.from(part(this.keys)), values: Float64Array.from(part(this.values)) });
    }
    return out;
  }
}
