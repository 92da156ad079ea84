import { packedBytes, packedGet, packedValues, packedWith, packedWithout } from "../lib/packedMap";
import type { PackedMap } from "../lib/packedMap";
import type { Db } from "../storage/db";
import { getTips } from "../storage/rooms";
import { createCache } from "./cache";
import type { Cache, CacheStats } from "./cache";
import type { EventReader, StoredEvent } from "./events";
import type { StateGroup } from "./stateGroups";
import type { StateKeys, StatePair } from "./stateKeys";

/** The state of a room as of a position of the events stream. */
export interface CurrentState {
  readonly state: PackedMap;
  readonly position: number;
}

/** Reads of room state. State is numbers (key -> event); events are fetched for those keys that somebody wants. */
export interface RoomState {
  readonly stats: readonly CacheStats[];
  /** The current state; undefined for a room without events here. */
  current(roomNid: number): Promise<CurrentState | undefined>;
  currents(roomNids: readonly number[]): Promise<Map<number, CurrentState>>;
  /** The state after the events of a group. */
  group(id: number): Promise<PackedMap>;
  groups(ids: readonly number[]): Promise<Map<number, PackedMap>>;
  /** The events that hold the wanted pairs in a state, parallel to the request. */
  pick(state: PackedMap, pairs: readonly StatePair[]): Promise<(StoredEvent | undefined)[]>;
  /** One event of the current state. */
  event(roomNid: number, type: string, stateKey: string): Promise<StoredEvent | undefined>;
  /** All events of a state. */
  events(state: PackedMap): Promise<StoredEvent[]>;
  /** Moves a cached current state on. nid undefined: the key went out of the state. */
  apply(roomNid: number, position: number, keyNid: number, nid: number | undefined): void;
  drop(roomNid: number): void;
}

/** The events that hold the wanted pairs in a state, parallel to the request. */
export async function pickFrom(
  keys: Pick<StateKeys, "find">,
  events: Pick<EventReader, "byNids">,
  state: PackedMap,
  pairs: readonly StatePair[],
): Promise<(StoredEvent | undefined)[]> {
  const keyNids = await keys.find(pairs);
  const nids = keyNids.map((key) => (key === undefined ? undefined : packedGet(state, key)));
  const found = await events.byNids(nids.filter((nid) => nid !== undefined));
  return nids.map((nid) => (nid === undefined ? undefined : found.get(nid)));
}

export function createRoomState(
  deps: { db: Db; groups: Cache<number, StateGroup>; keys: StateKeys; events: EventReader },
  maxBytes: number,
): RoomState {
  const { db, groups, keys, events } = deps;

  async function group(id: number): Promise<PackedMap> {
    const found = await groups.load(id);
    if (!found) throw new Error(`state group ${id} is missing`);
    return found.state;
  }

  const currents = createCache<number, CurrentState>({
    name: "current_state",
    max: maxBytes,
    // Mostly the same arrays as in the cache of groups; who goes on using them after they left that one still has them here.
    sizeOf: ({ state }) => 100 + packedBytes(state),
    load: async (nids) => {
      const tips = await getTips(db, nids);
      const states = await groups.loadMany(tips.map((tip) => tip.stateGroup));
      return tips.flatMap((tip) => {
        const found = states.get(tip.stateGroup);
        return found ? [[tip.roomNid, { state: found.state, position: tip.latestStream }] as const] : [];
      });
    },
  });

  const pick: RoomState["pick"] = (state, pairs) => pickFrom(keys, events, state, pairs);

  return {
    stats: [groups.stats, currents.stats],
    current: (roomNid) => currents.load(roomNid),
    currents: (nids) => currents.loadMany(nids),
    group,
    async groups(ids) {
      const found = await groups.loadMany(ids);
      return new Map([...found].map(([id, { state }]) => [id, state]));
    },
    pick,
    async event(roomNid, type, stateKey) {
      const current = await currents.load(roomNid);
      return current && (await pick(current.state, [[type, stateKey]]))[0];
    },
    async events(state) {
      const found = await events.byNids(packedValues(state));
      return [...found.values()];
    },
    apply(roomNid, position, keyNid, nid) {
      const known = currents.get(roomNid);
      if (!known) return currents.delete(roomNid);
      if (position < known.position) return;
      const state = nid === undefined ? packedWithout(known.state, keyNid) : packedWith(known.state, keyNid, nid);
      currents.set(roomNid, { state, position: Math.max(position, known.position) });
    },
    drop: (roomNid) => currents.delete(roomNid),
  };
}
