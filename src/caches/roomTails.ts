import { createLru } from "../lib/lru";

/** One event as the events stream announces it. */
export interface TailEntry {
  readonly streamOrdering: number;
  readonly nid: number;
  readonly sender: string;
  readonly type: string;
  /** Of a state event that changed the current state. */
  readonly keyNid: number | undefined;
  readonly prevNid: number | undefined;
}

interface Tail {
  /** Everything of the room after this position is in entries. */
  from: number;
  latest: number;
  entries: TailEntry[];
}

/**
 * The newest events of the rooms that moved lately, so that a sync that is close behind needs no query. A reader asks
 * `knows` first: false means that the database has to be asked.
 */
export interface RoomTails {
  push(roomNid: number, entry: TailEntry): void;
  /** Forgets a room whose state or history changed in another way than by appending. */
  drop(roomNid: number, position: number): void;
  /** Whether the room had anything after `since`; undefined where memory does not reach back so far. */
  changedSince(roomNid: number, since: number): boolean | undefined;
  /** The room's events with since < position <= upTo, oldest first; undefined where memory does not reach back so far. */
  between(roomNid: number, since: number, upTo: number): readonly TailEntry[] | undefined;
}

const MAX_ENTRIES = 100;

/** start: the position of the events stream when the process began to listen. */
export function createRoomTails(start: () => number, maxRooms: number): RoomTails {
  // A room that is not here has not moved since this position.
  let horizon = -1;
  const tails = createLru<number, Tail>(maxRooms, (tail, _, reason) => {
    if (reason === "evict") horizon = Math.max(horizon, tail.latest);
  });
  const horizonNow = (): number => {
    if (horizon < 0) horizon = start();
    return horizon;
  };

  return {
    push(roomNid, entry) {
      let tail = tails.get(roomNid);
      if (!tail) {
        tail = { from: Math.min(horizonNow(), entry.streamOrdering - 1), latest: 0, entries: [] };
        tails.set(roomNid, tail);
      }
      tail.latest = entry.streamOrdering;
      tail.entries.push(entry);
      if (tail.entries.length > MAX_ENTRIES) {
        const dropped = tail.entries.splice(0, MAX_ENTRIES / 2);
        tail.from = dropped.at(-1)?.streamOrdering ?? tail.from;
      }
    },
    drop(roomNid, position) {
      tails.set(roomNid, { from: position, latest: position, entries: [] });
    },
    changedSince(roomNid, since) {
      const tail = tails.peek(roomNid);
      if (tail) return tail.latest > since;
      return since >= horizonNow() ? false : undefined;
    },
    between(roomNid, since, upTo) {
      const tail = tails.get(roomNid);
      if (!tail) return since >= horizonNow() ? [] : undefined;
      if (since < tail.from) return undefined;
      return tail.entries.filter((e) => e.streamOrdering > since && e.streamOrdering <= upTo);
    },
  };
}
