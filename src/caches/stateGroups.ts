import { emptyPackedMap, packedBytes, packedMerge } from "../lib/packedMap";
import type { PackedMap } from "../lib/packedMap";
import type { Db } from "../storage/db";
import { getStateGroupChains } from "../storage/state";
import type { StateGroupRow } from "../storage/state";
import { createCache } from "./cache";
import type { Cache } from "./cache";

/** A state group in memory: the whole state (key number -> event number) and how far it is from a snapshot. */
export interface StateGroup {
  readonly id: number;
  readonly state: PackedMap;
  readonly hops: number;
  readonly weight: number;
}

function packed(row: StateGroupRow): PackedMap {
  return { keys: Int32Array.from(row.keys), values: Float64Array.from(row.nids) };
}

async function loadGroups(db: Db, ids: readonly number[]): Promise<[number, StateGroup][]> {
  const chains = new Map<number, StateGroupRow[]>();
  for (const row of await getStateGroupChains(db, ids)) {
    const chain = chains.get(row.root);
    if (chain) chain.push(row);
    else chains.set(row.root, [row]);
  }
  return [...chains].flatMap(([id, chain]) => {
    const head = chain[0];
    const state = chain.reduceRight((map, row) => packedMerge(map, packed(row)), emptyPackedMap);
    return head ? [[id, { id, state, hops: head.hops, weight: head.weight }] as const] : [];
  }) as [number, StateGroup][];
}

/** Measured: two typed arrays without their contents, and what holds them. */
const FIXED_BYTES = 500;

/** Resolved states by group, bounded by bytes. */
export function createStateGroupCache(db: Db, maxBytes: number): Cache<number, StateGroup> {
  return createCache<number, StateGroup>({
    name: "state_groups",
    max: maxBytes,
    sizeOf: (group) => FIXED_BYTES + packedBytes(group.state),
    load: (ids) => loadGroups(db, ids),
  });
}

/** Deltas past this many since a snapshot make a new one, so that reads stay bounded. */
const MAX_HOPS = 60;

/**
 * The row that stores `state`, which differs from its parent by `delta`: as a delta, or as a snapshot where the deltas since
 * the last one exceed half its size or 60 hops, so that writes stay in proportion to the change.
 */
export function stateGroupRow(
  id: number,
  roomNid: number,
  parent: StateGroup | undefined,
  state: PackedMap,
  delta: PackedMap,
): StateGroupRow {
  const weight = (parent?.weight ?? 0) + delta.keys.length;
  const hops = (parent?.hops ?? 0) + 1;
  const asDelta = parent !== undefined && hops <= MAX_HOPS && weight <= Math.max(8, state.keys.length / 2);
  const content = asDelta ? delta : state;
  return {
    id,
    roomNid,
    prevId: asDelta ? parent.id : null,
    hops: asDelta ? hops : 0,
    weight: asDelta ? weight : 0,
    keys: Array.from(content.keys),
    nids: Array.from(content.values),
  };
}
