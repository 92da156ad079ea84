import { setImmediate as nextTurn } from "node:timers/promises";
import type { Caches } from "../../caches/caches";
import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { packedForEach, packedKeys, packedMapOf, packedValues } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { splitStates } from "../../rooms/state/conflict";
import type { Conflict } from "../../rooms/state/conflict";
import { resolveSteps } from "../../rooms/state/resolve";
import type { Resolution, Settled } from "../../rooms/state/resolve";
import { splitStateKey, stateKeyOf } from "../../rooms/state/stateMap";
import type { StateMap } from "../../rooms/state/stateMap";

/** How often events that resolution turned out to want are loaded, before what is still missing counts as unobtainable. */
const MAX_ROUNDS = 50;

/**
 * Resolves states of a room into one (specification: room versions, "State resolution"). In slices, so that other work goes on. Events in
 * them that are not stored yet come along.
 */
export async function resolveStates(
  caches: Caches,
  room: RoomInfo,
  states: readonly PackedMap[],
  unstored: readonly StoredEvent[],
): Promise<PackedMap> {
  const sets = await Promise.all(states.map((state) => readable(caches, state, unstored)));
  const events = new Map<string, StoredEvent>();
  for (const { stored } of sets) for (const event of stored) events.set(event.row.eventId, event);
  const conflict = splitStates(
    room.version,
    sets.map(({ map }) => map),
  );
  const settled = await settle(caches, room, conflict, events);
  return packed(caches, new Map([...conflict.unconflicted, ...settled]), events);
}

async function readable(
  caches: Caches,
  state: PackedMap,
  unstored: readonly StoredEvent[],
): Promise<{ map: StateMap; stored: StoredEvent[] }> {
  const [pairs, events] = await Promise.all([caches.stateKeys.pairs(packedKeys(state)), caches.events.byNids(packedValues(state))]);
  const fresh = new Map(unstored.map((event) => [event.row.nid, event]));
  const map = new Map<string, string>();
  const stored: StoredEvent[] = [];
  packedForEach(state, (key, nid) => {
    const pair = pairs.get(key);
    const event = events.get(nid) ?? fresh.get(nid);
    if (!pair || !event) return;
    map.set(stateKeyOf(pair.type, pair.stateKey), event.row.eventId);
    stored.push(event);
  });
  return { map, stored };
}

async function settle(caches: Caches, room: RoomInfo, conflict: Conflict, events: Map<string, StoredEvent>): Promise<StateMap> {
  const unobtainable = new Set<string>();
  const context = {
    event: (id: string) => events.get(id)?.event ?? (unobtainable.has(id) ? null : undefined),
    rejected: (id: string) => typeof events.get(id)?.row.rejected === "string",
  };
  for (let round = 0; ; round++) {
    const result = await inSlices(resolveSteps(room.version, conflict, context));
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
export async function loadChains(caches: Caches, eventIds: readonly string[], into: Map<string, StoredEvent>): Promise<void> {
  let wanted = eventIds.filter((id) => !into.has(id));
  while (wanted.length > 0) {
    const found = await caches.events.byIds(wanted);
    for (const [id, event] of found) into.set(id, event);
    wanted = [...new Set([...found.values()].flatMap(({ event }) => event.authEvents))].filter((id) => !into.has(id));
  }
}

async function packed(caches: Caches, state: StateMap, events: ReadonlyMap<string, StoredEvent>): Promise<PackedMap> {
  const entries = [...state];
  const keys = await caches.stateKeys.intern(entries.map(([key]) => splitStateKey(key)));
  return packedMapOf(
    keys,
    entries.map(([, id]) => events.get(id)?.row.nid ?? 0),
  );
}
