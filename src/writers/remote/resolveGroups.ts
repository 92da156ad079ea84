import { setImmediate as nextTurn } from "node:timers/promises";
import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { emptyPackedMap, packedDiff, packedGet, packedMapOf, packedMerge, packedValues, packedWithout } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import type { Conflict } from "../../rooms/state/conflict";
import { resolveSteps } from "../../rooms/state/resolve";
import type { Resolution, Settled } from "../../rooms/state/resolve";
import { splitStateKey, stateKeyOf } from "../../rooms/state/stateMap";
import type { StateMap } from "../../rooms/state/stateMap";
import { FIRST_MEMBER_KEY } from "../../storage/state";

/** How often events that resolution turned out to want are loaded, before what is still missing counts as unobtainable. */
const MAX_ROUNDS = 50;

/** What resolution reads. */
export type StateReads = Pick<Caches, "partialRooms" | "stateKeys"> & { readonly events: Pick<Caches["events"], "byNids" | "byIds"> };

/**
 * Resolves states of a room into one (specification: room versions, "State resolution"). In slices, so that other work goes on; reads only
 * what the states differ in and what that rests on. Events in them that are not stored yet come along.
 */
export async function resolveStates(
  caches: StateReads,
  room: RoomInfo,
  states: readonly PackedMap[],
  unstored: readonly StoredEvent[],
): Promise<PackedMap> {
  const [first = emptyPackedMap, ...others] = states;
  const differing = new Set(others.flatMap((state) => packedDiff(first, state).map(({ key }) => key)));
  const lacked = onlyLacked(states, await mayBeLacked(caches, room, differing));
  const conflicting = [...differing].filter((key) => packedGet(lacked, key) === undefined);
  const common = conflicting.reduce(packedWithout, packedMerge(first, lacked));

  const fresh = unstored.map((event) => [event.row.nid, event] as const);
  const read: ReadEvents = async (nids) => new Map([...(await caches.events.byNids(nids)), ...fresh]);
  const events = new Map(unstored.map((event) => [event.row.eventId, event]));
  const conflicted = await conflictedEntries(caches, read, states, conflicting, events);
  const settled = await settle(caches, room, { unconflicted: new Agreed(caches, read, common, events), conflicted }, events);
  return packedMerge(common, await packed(caches, settled, events));
}

/**
 * Keys of which it is no conflict that a state lacks them: all in version 1; while most members of a room are still to come, those of
 * members.
 */
async function mayBeLacked(caches: StateReads, room: RoomInfo, keys: Iterable<number>): Promise<Iterable<number>> {
  if (room.version.stateResolution === "v1") return keys;
  return (await caches.partialRooms.has(room.nid)) ? [...keys].filter((key) => key >= FIRST_MEMBER_KEY) : [];
}

/** Events by number: stored ones that are asked for, and all that are not stored yet. */
type ReadEvents = (nids: readonly number[]) => Promise<ReadonlyMap<number, StoredEvent>>;

/** The entries of keys on which all states agree that have them. */
function onlyLacked(states: readonly PackedMap[], keys: Iterable<number>): PackedMap {
  const agreed = [...keys].flatMap((key) => {
    const [nid, ...more] = new Set(states.flatMap((state) => packedGet(state, key) ?? []));
    return nid === undefined || more.length > 0 ? [] : [[key, nid] as const];
  });
  return packedMapOf(
    agreed.map(([key]) => key),
    agreed.map(([, nid]) => nid),
  );
}

async function conflictedEntries(
  caches: StateReads,
  read: ReadEvents,
  states: readonly PackedMap[],
  keys: readonly number[],
  into: Map<string, StoredEvent>,
): Promise<StateMap[]> {
  const nids = states.flatMap((state) => keys.flatMap((key) => packedGet(state, key) ?? []));
  const [pairs, byNid] = await Promise.all([caches.stateKeys.pairs(keys), read([...new Set(nids)])]);
  for (const event of byNid.values()) into.set(event.row.eventId, event);
  return states.map((state) => {
    const map = new Map<string, string>();
    for (const key of keys) {
      const [pair, event] = [pairs.get(key), byNid.get(packedGet(state, key) ?? -1)];
      if (pair && event) map.set(stateKeyOf(pair.type, pair.stateKey), event.row.eventId);
    }
    return map;
  });
}

/** What the states agree on. Notes what resolution asks of it, so that only that is read: most members of a big room never are. */
class Agreed {
  private readonly known = new Map<string, string | undefined>();
  private readonly asked = new Set<string>();
  private all: readonly string[] | "asked" | undefined;

  constructor(
    private readonly caches: StateReads,
    private readonly read: ReadEvents,
    private readonly state: PackedMap,
    private readonly events: Map<string, StoredEvent>,
  ) {}

  get(key: string): string | undefined {
    if (!this.known.has(key)) this.asked.add(key);
    return this.known.get(key);
  }

  values(): Iterable<string> {
    this.all ??= "asked";
    return this.all === "asked" ? [] : this.all;
  }

  /** Reads what was asked for; whether there was anything, so that what came out of it does not hold. */
  async load(): Promise<boolean> {
    const keys = [...this.asked];
    this.asked.clear();
    if (keys.length === 0 && this.all !== "asked") return false;
    const nids = (await this.caches.stateKeys.find(keys.map(splitStateKey))).map((key) =>
      key === undefined ? undefined : packedGet(this.state, key),
    );
    const wanted = this.all === "asked" ? packedValues(this.state) : nids.filter((nid) => nid !== undefined);
    const found = await this.read(wanted);
    for (const event of found.values()) this.events.set(event.row.eventId, event);
    keys.forEach((key, i) => this.known.set(key, found.get(nids[i] ?? -1)?.row.eventId));
    if (this.all === "asked") this.all = wanted.flatMap((nid) => found.get(nid)?.row.eventId ?? []);
    return true;
  }
}

async function settle(
  caches: StateReads,
  room: RoomInfo,
  conflict: Conflict & { readonly unconflicted: Agreed },
  events: Map<string, StoredEvent>,
): Promise<StateMap> {
  const unobtainable = new Set<string>();
  const context = {
    event: (id: string) => events.get(id)?.event ?? (unobtainable.has(id) ? null : undefined),
    rejected: (id: string) => typeof events.get(id)?.row.rejected === "string",
  };
  for (let round = 0; ; round++) {
    const result = await inSlices(resolveSteps(room.version, conflict, context));
    if (await conflict.unconflicted.load()) continue;
    if ("settled" in result) return result.settled;
    await loadChains(caches, result.missing, events);
    for (const id of result.missing) if (round >= MAX_ROUNDS || !events.has(id)) unobtainable.add(id);
  }
}

async function inSlices(steps: Generator<void, Resolution<Settled>>): Promise<Resolution<Settled>> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await nextTurn();
  }
}

/** Loads events with their auth chains, level by level. */
export async function loadChains(caches: StateReads, eventIds: readonly string[], into: Map<string, StoredEvent>): Promise<void> {
  let wanted = eventIds.filter((id) => !into.has(id));
  while (wanted.length > 0) {
    const found = await caches.events.byIds(wanted);
    for (const [id, event] of found) into.set(id, event);
    wanted = [...new Set([...found.values()].flatMap(({ event }) => event.authEvents))].filter((id) => !into.has(id));
  }
}

async function packed(caches: StateReads, state: StateMap, events: ReadonlyMap<string, StoredEvent>): Promise<PackedMap> {
  const entries = [...state];
  const keys = await caches.stateKeys.intern(entries.map(([key]) => splitStateKey(key)));
  return packedMapOf(
    keys,
    entries.map(([, id]) => events.get(id)?.row.nid ?? 0),
  );
}
