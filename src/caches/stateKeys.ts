import type { Db } from "../storage/db";
import { findStateKeys, getStateKeys, internStateKeys } from "../storage/state";
import type { StateKeyRow } from "../storage/state";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

export type StatePair = readonly [type: string, stateKey: string];

/** The interned (type, state_key) pairs. Entries are immutable and never need dropping. */
export interface StateKeys {
  readonly stats: readonly CacheStats[];
  /** Numbers of the pairs that exist; a pair that nobody ever used has none. Parallel to the request. */
  find(pairs: readonly StatePair[]): Promise<(number | undefined)[]>;
  /** As find, but makes what is missing. */
  intern(pairs: readonly StatePair[]): Promise<number[]>;
  cached(type: string, stateKey: string): number | undefined;
  pairs(nids: readonly number[]): Promise<Map<number, StateKeyRow>>;
}

// A NUL cannot be in PostgreSQL's text, so it can't be in either part.
const join = (type: string, stateKey: string): string => `${type}\u0000${stateKey}`;
const split = (key: string): { type: string; stateKey: string } => {
  const at = key.indexOf("\u0000");
  return { type: key.slice(0, at), stateKey: key.slice(at + 1) };
};

export function createStateKeys(db: Db, max: number): StateKeys {
  const nids = createCache<string, StateKeyRow>({
    name: "state_key_nids",
    max,
    load: async (keys) => (await findStateKeys(db, keys.map(split))).map((row) => [join(row.type, row.stateKey), row]),
  });
  const byNid = createCache<number, StateKeyRow>({
    name: "state_keys_by_nid",
    max,
    load: async (keys) => (await getStateKeys(db, keys)).map((row) => [row.keyNid, row]),
  });
  const cached = (type: string, stateKey: string): number | undefined => nids.get(join(type, stateKey))?.keyNid;

  return {
    stats: [nids.stats, byNid.stats],
    cached,
    async find(pairs) {
      const found = await nids.loadMany(pairs.map(([type, key]) => join(type, key)));
      return pairs.map(([type, key]) => found.get(join(type, key))?.keyNid);
    },
    async intern(pairs) {
      const known = new Map<string, number>();
      const missing: { type: string; stateKey: string }[] = [];
      for (const [type, stateKey] of pairs) {
        const nid = cached(type, stateKey);
        if (nid === undefined) missing.push({ type, stateKey });
        else known.set(join(type, stateKey), nid);
      }
      for (const row of missing.length > 0 ? await internStateKeys(db, missing) : []) {
        const key = join(row.type, row.stateKey);
        known.set(key, row.keyNid);
        nids.set(key, { keyNid: row.keyNid, type: row.type, stateKey: row.stateKey });
      }
      // Not from the cache, which may be smaller than a state.
      return pairs.map(([type, key]) => {
        const nid = known.get(join(type, key));
        if (nid === undefined) throw new Error(`state key ${type} was not interned`);
        return nid;
      });
    },
    pairs: (wanted) => byNid.loadMany(wanted),
  };
}
