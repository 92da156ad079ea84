/**
 * A map from small integers to integers as two parallel arrays sorted by key. A resolved state of 50,000 entries takes
 * 0.6 MB so, against 14 MB as a Map of strings. Immutable: changes give a copy.
 */
export interface PackedMap {
  readonly keys: Int32Array;
  readonly values: Float64Array;
}

export const packedBytes = ({ keys, values }: PackedMap): number => keys.byteLength + values.byteLength;

export const emptyPackedMap: PackedMap = { keys: new Int32Array(0), values: new Float64Array(0) };

/** Makes a map of parallel arrays in any order; a later entry of the same key wins. */
export function packedMapOf(keys: readonly number[], values: readonly number[]): PackedMap {
  const order = Array.from(keys, (_, i) => i).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
  const outKeys = new Int32Array(order.length);
  const outValues = new Float64Array(order.length);
  let n = 0;
  for (const i of order) {
    const key = keys[i] ?? 0;
    if (n > 0 && outKeys[n - 1] === key) n--;
    outKeys[n] = key;
    outValues[n++] = values[i] ?? 0;
  }
  return { keys: outKeys.slice(0, n), values: outValues.slice(0, n) };
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

export function packedGet(map: PackedMap, key: number): number | undefined {
  const at = find(map.keys, key);
  return at < 0 ? undefined : map.values[at];
}

/** A copy in which key has value. */
export function packedWith(map: PackedMap, key: number, value: number): PackedMap {
  const at = find(map.keys, key);
  if (at >= 0) {
    const values = map.values.slice();
    values[at] = value;
    return { keys: map.keys, values };
  }
  const insert = ~at;
  const keys = new Int32Array(map.keys.length + 1);
  const values = new Float64Array(map.values.length + 1);
  keys.set(map.keys.subarray(0, insert));
  values.set(map.values.subarray(0, insert));
  keys[insert] = key;
  values[insert] = value;
  keys.set(map.keys.subarray(insert), insert + 1);
  values.set(map.values.subarray(insert), insert + 1);
  return { keys, values };
}

/** A copy with changes laid over it, in one pass whatever their number. */
export function packedMerge(map: PackedMap, changes: PackedMap): PackedMap {
  const only = changes.keys[0];
  if (only === undefined) return map;
  if (changes.keys.length === 1) return packedWith(map, only, changes.values[0] ?? 0);
  const keys = new Int32Array(map.keys.length + changes.keys.length);
  const values = new Float64Array(keys.length);
  let n = 0;
  let i = 0;
  let j = 0;
  while (i < map.keys.length || j < changes.keys.length) {
    const left = map.keys[i] ?? Infinity;
    const right = changes.keys[j] ?? Infinity;
    keys[n] = Math.min(left, right);
    values[n++] = (right <= left ? changes.values[j] : map.values[i]) ?? 0;
    if (left <= right) i++;
    if (right <= left) j++;
  }
  return { keys: keys.slice(0, n), values: values.slice(0, n) };
}

/** A copy without key. */
export function packedWithout(map: PackedMap, key: number): PackedMap {
  const at = find(map.keys, key);
  if (at < 0) return map;
  const keys = new Int32Array(map.keys.length - 1);
  const values = new Float64Array(keys.length);
  keys.set(map.keys.subarray(0, at));
  values.set(map.values.subarray(0, at));
  keys.set(map.keys.subarray(at + 1), at);
  values.set(map.values.subarray(at + 1), at);
  return { keys, values };
}

/** The part with keys from `from` on, or below it. Shares the memory of the whole. */
export function packedSplit(map: PackedMap, from: number): { readonly below: PackedMap; readonly rest: PackedMap } {
  const at = find(map.keys, from);
  const cut = at < 0 ? ~at : at;
  return {
    below: { keys: map.keys.subarray(0, cut), values: map.values.subarray(0, cut) },
    rest: { keys: map.keys.subarray(cut), values: map.values.subarray(cut) },
  };
}

/** The keys whose values differ, with both values; undefined where a map lacks the key. */
export function packedDiff(before: PackedMap, after: PackedMap): { key: number; before: number | undefined; after: number | undefined }[] {
  const out: { key: number; before: number | undefined; after: number | undefined }[] = [];
  let i = 0;
  let j = 0;
  while (i < before.keys.length || j < after.keys.length) {
    const left = before.keys[i] ?? Infinity;
    const right = after.keys[j] ?? Infinity;
    const key = Math.min(left, right);
    const entry = { key, before: left === key ? before.values[i] : undefined, after: right === key ? after.values[j] : undefined };
    if (entry.before !== entry.after) out.push(entry);
    if (left === key) i++;
    if (right === key) j++;
  }
  return out;
}
