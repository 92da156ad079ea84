import { hash } from "node:crypto";
import { authEventKeys } from "../auth/authEvents";
import { checkAuth } from "../auth/check";
import type { RoomEvent, StateLookup } from "../event";
import type { Conflict } from "./conflict";
import { type Reader, type Steps, every } from "./context";
import { type PartialState, entryOf } from "./iterativeAuth";
import { splitStateKey, stateKeyOf } from "./stateMap";

const KEYS_PER_SLICE = 50;
const SETTLED_FIRST = ["m.room.power_levels", "m.room.join_rules", "m.room.member"];

/** State resolution of version 1 (specification: rooms/v1, "State resolution"): the entries to add to the unconflicted ones. */
export function* resolveV1(reader: Reader, conflict: Conflict): Steps<Map<string, string>> {
  const candidates = candidatesByKey(reader, conflict);
  const state: PartialState = { base: conflict.unconflicted, entries: new Map() };
  loadAuth(reader, state, candidates);
  if (reader.missing.size > 0) return null;
  const lookup = lookupIn(reader, state);
  const due = every(KEYS_PER_SLICE);
  for (const type of [...SETTLED_FIRST, undefined]) {
    const settled = new Map<string, string>();
    for (const [key, events] of candidates) {
      const family = SETTLED_FIRST.includes(splitStateKey(key)[0]) ? splitStateKey(key)[0] : undefined;
      if (family !== type) continue;
      const winner = type === undefined ? settleOther(events, lookup) : settleAuth(events, lookup);
      if (winner) settled.set(key, winner.eventId);
      if (due()) yield;
    }
    // Only now: members do not see each other's results.
    for (const [key, eventId] of settled) state.entries.set(key, eventId);
  }
  return reader.missing.size > 0 ? null : state.entries;
}

/** Per conflicted key the events in question: by ascending depth, then by descending SHA-1 of the event id. */
function candidatesByKey(reader: Reader, { conflicted }: Conflict): Map<string, RoomEvent[]> {
  const ids = new Map<string, Set<string>>();
  for (const set of conflicted) {
    for (const [key, eventId] of set) ids.set(key, (ids.get(key) ?? new Set()).add(eventId));
  }
  const candidates = new Map<string, RoomEvent[]>();
  for (const [key, eventIds] of ids) {
    const events = [...eventIds].map((eventId) => reader.event(eventId)).filter((event) => event !== undefined);
    const sha1 = new Map(events.map(({ eventId }) => [eventId, hash("sha1", eventId)]));
    const digestOf = ({ eventId }: RoomEvent): string => sha1.get(eventId) ?? "";
    events.sort((a, b) => a.depth - b.depth || (digestOf(a) < digestOf(b) ? 1 : -1));
    candidates.set(key, events);
  }
  return candidates;
}

/** Power levels, join rules, members: as far up as each one is authorised by the one before. */
function settleAuth(events: readonly RoomEvent[], lookup: StateLookup): RoomEvent | undefined {
  let winner = events[0];
  for (const event of events.slice(1)) {
    const before = winner;
    const allowed = checkAuth(event.version, event, (type, stateKey) =>
      type === before?.type && stateKey === before.stateKey ? before : lookup(type, stateKey),
    ).allowed;
    if (!allowed) break;
    winner = event;
  }
  return winner;
}

/** Everything else: the deepest that passes; if none does, still one of them, as Synapse has it. */
function settleOther(events: readonly RoomEvent[], lookup: StateLookup): RoomEvent | undefined {
  return [...events].reverse().find((event) => checkAuth(event.version, event, lookup).allowed) ?? events[0];
}

function lookupIn(reader: Reader, state: PartialState): StateLookup {
  return (type, stateKey) => {
    const eventId = entryOf(state, stateKeyOf(type, stateKey));
    return eventId === undefined ? undefined : reader.event(eventId);
  };
}

function loadAuth(reader: Reader, state: PartialState, candidates: ReadonlyMap<string, readonly RoomEvent[]>): void {
  for (const event of [...candidates.values()].flat()) {
    for (const [type, stateKey] of authEventKeys(event.version, event)) {
      const eventId = entryOf(state, stateKeyOf(type, stateKey));
      if (eventId !== undefined) reader.event(eventId);
    }
  }
}
