import { formatRequiredState, noState, parseRequiredState } from "../../rooms/sliding/requiredState";
import type { RequiredState } from "../../rooms/sliding/requiredState";

/** What a client knows of a stream's news in a room: everything up to its token, or (with a number) only up to that position. */
export type KnownUpTo = number | undefined;

/** What a client knows of a room. */
export interface KnownRoom {
  /** stripped: the client saw an invitation or knock. */
  readonly shown: "full" | "stripped";
  readonly events: KnownUpTo;
  /** The state of which the client has the present values, as far as `events` reaches. */
  readonly state: RequiredState;
  /** So many of the newest events were shown, without a gap; Infinity for all that there are. */
  readonly timeline: number;
  /** 0: nothing was shown yet. */
  readonly accountData: KnownUpTo;
  readonly receipts: KnownUpTo;
}

/** What a client knows at a position of its sync loop, by room number. Immutable. */
export interface ConnectionState {
  readonly rooms: ReadonlyMap<number, KnownRoom>;
}

export const emptyState: ConnectionState = { rooms: new Map() };

/** Changes to a state; undefined: the room is forgotten. */
export type StateChanges = ReadonlyMap<number, KnownRoom | undefined>;

/** The same object where nothing changes, so that nothing is stored. */
export function applyChanges(state: ConnectionState, changes: StateChanges): ConnectionState {
  const real = [...changes].filter(([nid, room]) => !isSame(state.rooms.get(nid), room));
  if (real.length === 0) return state;
  const rooms = new Map(state.rooms);
  for (const [nid, room] of real) {
    if (room) rooms.set(nid, room);
    else rooms.delete(nid);
  }
  return { rooms };
}

function isSame(a: KnownRoom | undefined, b: KnownRoom | undefined): boolean {
  if (!a || !b) return a === b;
  const fields = ["shown", "events", "timeline", "accountData", "receipts"] as const;
  if (fields.some((field) => a[field] !== b[field])) return false;
  return a.state === b.state || formatRequiredState(a.state) === formatRequiredState(b.state);
}

/** room, shown in full?, events, index of the state, timeline (-1: all), account data, receipts; null: up to the token. */
type StoredRoom = readonly [number, 0 | 1, number | null, number, number, number | null, number | null];
interface Stored {
  readonly states: readonly string[];
  readonly rooms: readonly StoredRoom[];
}

export function encodeState({ rooms }: ConnectionState): string {
  // Most rooms have the same required state: it is written once.
  const indexes = new Map<string, number>();
  const texts = new Map<RequiredState, string>();
  const indexOf = (state: RequiredState): number => {
    const text = texts.get(state) ?? formatRequiredState(state);
    texts.set(state, text);
    const index = indexes.get(text) ?? indexes.size;
    indexes.set(text, index);
    return index;
  };
  const entries = Array.from(rooms, ([nid, room]): StoredRoom => {
    const { shown, events, state, timeline, accountData, receipts } = room;
    const shownEvents = timeline === Infinity ? -1 : timeline;
    return [nid, shown === "full" ? 1 : 0, events ?? null, indexOf(state), shownEvents, accountData ?? null, receipts ?? null];
  });
  return JSON.stringify({ states: [...indexes.keys()], rooms: entries } satisfies Stored);
}

export function decodeState(text: string): ConnectionState {
  const stored = JSON.parse(text) as Stored;
  const states = stored.states.map(parseRequiredState);
  const rooms = stored.rooms.map(([nid, full, events, state, timeline, accountData, receipts]): [number, KnownRoom] => [
    nid,
    {
      shown: full === 1 ? "full" : "stripped",
      events: events ?? undefined,
      state: states[state] ?? noState,
      timeline: timeline === -1 ? Infinity : timeline,
      accountData: accountData ?? undefined,
      receipts: receipts ?? undefined,
    },
  ]);
  return { rooms: new Map(rooms) };
}
