import { authEventKeys } from "../auth/authEvents";
import { checkAuth } from "../auth/check";
import type { RoomEvent } from "../event";
import { type Reader, type Steps, every } from "./context";
import { type StateMap, stateKeyOf } from "./stateMap";

const CHECKS_PER_SLICE = 150;
const LOADS_PER_SLICE = 1_000;

/** A state in the making: entries over a base that is not touched. */
export interface PartialState {
  readonly base: Pick<StateMap, "get">;
  readonly entries: Map<string, string>;
}

/** Looks an entry up. */
export function entryOf({ base, entries }: PartialState, key: string): string | undefined {
  return entries.get(key) ?? base.get(key);
}

/**
 * Applies those of the events, in order, that the auth rules allow (specification: rooms/v2, "Iterative auth checks"). Where the state
 * lacks what authorises an event, the event's own auth events stand in, unless they were rejected.
 */
export function* iterativeAuth(reader: Reader, state: PartialState, events: readonly RoomEvent[]): Steps<PartialState> {
  const due = every(CHECKS_PER_SLICE);
  yield* loadAll(reader, state, events);
  if (reader.missing.size > 0) return null;
  for (const event of events) {
    if (event.stateKey === undefined) continue;
    const cited = citedState(reader, event);
    const verdict = checkAuth(event.version, event, (type, stateKey) => {
      const key = stateKeyOf(type, stateKey);
      const eventId = entryOf(state, key);
      return (eventId === undefined ? undefined : reader.event(eventId)) ?? cited.get(key);
    });
    if (reader.missing.size > 0) return null;
    if (verdict.allowed) state.entries.set(stateKeyOf(event.type, event.stateKey), event.eventId);
    if (due()) yield;
  }
  return state;
}

/** Asks for everything that the checks may need at once, so that it can be loaded at once. */
function* loadAll(reader: Reader, state: PartialState, events: readonly RoomEvent[]): Generator<void, void> {
  const due = every(LOADS_PER_SLICE);
  for (const event of events) {
    if (due()) yield;
    for (const eventId of event.authEvents) reader.event(eventId);
    for (const [type, stateKey] of authEventKeys(event.version, event)) {
      const eventId = entryOf(state, stateKeyOf(type, stateKey));
      if (eventId !== undefined) reader.event(eventId);
    }
  }
}

function citedState(reader: Reader, event: RoomEvent): Map<string, RoomEvent> {
  const cited = new Map<string, RoomEvent>();
  const create = event.version.roomIds === "createHash" ? reader.createOf(event) : undefined;
  for (const auth of [create, ...event.authEvents.map((eventId) => reader.event(eventId))]) {
    if (auth?.stateKey !== undefined && !reader.rejected(auth.eventId)) cited.set(stateKeyOf(auth.type, auth.stateKey), auth);
  }
  return cited;
}
