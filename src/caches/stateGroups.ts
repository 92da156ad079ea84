import { packedBytes, packedKeys, packedMapOf, packedMerge, packedValues } from "../lib/packedMap";
import type { PackedMap } from "../lib/packedMap";
import type { Turns } from "../lib/turns";
import type { Db } from "../storage/db";
import { getStateGroupChains } from "../storage/state";
import type { StateGroupRow } from "../storage/state";
import { createCache } from "./cache";
import type { Cache } from "./cache";

/** A state group in memory: the whole state (key number -> event number), and how it is stored. */
export interface StateGroup {
  readonly id: number;
  readonly state: PackedMap;
  /** From its own delta to the nearest snapshot, which is not among them. Shared with the groups that it is built on. */
  readonly chain: readonly Link[];
  /** The snapshot that the last delta lies on. */
  readonly snapshotId: number;
}

interface Link {
  readonly id: number;
  readonly delta: PackedMap;
}

const packed = (row: StateGroupRow): PackedMap => packedMapOf(row.keys, row.nids);

function groupOf(rows: readonly StateGroupRow[]): StateGroup | undefined {
  const [head, snapshot] = [rows[0], rows.at(-1)];
  if (!head || !snapshot) return undefined;
  if (snapshot.prevId !== null) throw new Error(`state group ${head.id} rests on ${snapshot.prevId}, which is missing`);
  const chain = rows.slice(0, -1).map((row) => ({ id: row.id, delta: packed(row) }));
  const state = chain.reduceRight((map, { delta }) => packedMerge(map, delta), packed(snapshot));
  return { id: head.id, state, chain, snapshotId: snapshot.id };
}

async function loadGroups(db: Db, turns: Turns, ids: readonly number[]): Promise<[number, StateGroup][]> {
  const chains = new Map<number, StateGroupRow[]>();
  for (const row of await getStateGroupChains(db, ids)) {
    const chain = chains.get(row.root);
    if (chain) chain.push(row);
    else chains.set(row.root, [row]);
  }
  const groups = await turns.map([...chains.values()], groupOf);
  return groups.flatMap((group) => (group ? [[group.id, group] as [number, StateGroup]] : []));
}

/** What a group takes in memory if it shares nothing. */
export const stateGroupBytes = ({ state, chain }: StateGroup): number =>
  FIXED_BYTES + packedBytes(state) + chain.reduce((sum, { delta }) => sum + packedBytes(delta), 0);
/** Of the objects that hold the maps. */
const FIXED_BYTES = 250;

/** Resolved states by group, bounded by bytes. */
export function createStateGroupCache(db: Db, turns: Turns, maxBytes: number): Cache<number, StateGroup> {
  return createCache<number, StateGroup>({
    name: "state_groups",
    max: maxBytes,
    sizeOf: (group) => stateGroupBytes(group),
    load: (ids) => loadGroups(db, turns, ids),
  });
}

/** A small state is stored whole once its deltas hold more than this, whatever its size. */
const MIN_WEIGHT = 8;

/**
 * The group of `state`, which differs from `parent` by `delta`, and the row that stores it. A delta takes in the deltas below it as long as they
 * are not larger than it is itself, so that each of a chain is larger than that above: a chain of n entries has at most log2(n) + 1 deltas, and
 * a change is written anew about log2(n) times over. Where the chain holds more than half of what the state does, the state is stored whole: only
 * after changes in proportion to its size. So both what is written for a change and what is read for a state stay bounded.
 */
export function storedGroup(
  id: number,
  roomNid: number,
  parent: StateGroup | undefined,
  { state, delta }: { readonly state: PackedMap; readonly delta: PackedMap },
): { readonly group: StateGroup; readonly row: StateGroupRow } {
  let own = delta;
  let depth = 0;
  const below = parent?.chain ?? [];
  for (let link = below[0]; link && link.delta.size <= own.size; link = below[depth]) {
    own = packedMerge(link.delta, own);
    depth++;
  }
  const chain = [{ id, delta: own }, ...below.slice(depth)];
  const weight = chain.reduce((sum, link) => sum + link.delta.size, 0);
  if (!parent || weight > Math.max(MIN_WEIGHT, state.size / 2)) return wholeGroup(id, roomNid, state);
  const prevId = chain[1]?.id ?? parent.snapshotId;
  const row = { id, roomNid, prevId, hops: chain.length, weight, keys: packedKeys(own), nids: packedValues(own) };
  return { group: { id, state, chain, snapshotId: parent.snapshotId }, row };
}

/** A group that stores a state whole. */
export function wholeGroup(id: number, roomNid: number, state: PackedMap): { readonly group: StateGroup; readonly row: StateGroupRow } {
  const row = { id, roomNid, prevId: null, hops: 0, weight: 0, keys: packedKeys(state), nids: packedValues(state) };
  return { group: { id, state, chain: [], snapshotId: id }, row };
}
