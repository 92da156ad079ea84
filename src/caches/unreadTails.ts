import type { JsonValue } from "../lib/json";
import { createLru } from "../lib/lru";

/** What an event adds to the counts of a class or of a user. */
type Addition = readonly [who: number | string, notify: number, highlight: number];

/** What counts need to know of an event; the same as the rows that the database holds of it. */
export interface PushSummary {
  /** The root of the thread, or "main". */
  readonly threadId: string;
  readonly classes: readonly Addition[];
  readonly users: readonly Addition[];
  /** What the sender, a local user, has read by sending: the thread up to here, or by joining the whole room. */
  readonly senderRead: "thread" | "room" | undefined;
}

export interface TailRow extends PushSummary {
  readonly streamOrdering: number;
  readonly eventId: string;
  readonly sender: string;
}

/** An event that was announced. Without a summary the database has to be asked what it means. */
export interface Announced {
  readonly streamOrdering: number;
  readonly eventId: string;
  readonly sender: string;
  readonly summary: PushSummary | undefined;
}

/** The newest events of a room, as far as counts depend on them. */
export interface UnreadTail {
  /** Everything after this position and up to `complete` is in rows. */
  from: number;
  complete: number;
  rows: TailRow[];
  /** What came after that and waits for the database. */
  pending: Announced[];
  refreshing: Promise<void> | undefined;
}

const MAX_ROWS = 128;

/** Single users of whom a summary tells; where there are more each process that wants to know asks the database. */
const MAX_USERS = 100;

/** Compact JSON for the stream. */
export function encodeSummary(summary: PushSummary): JsonValue {
  const { threadId, classes, users, senderRead } = summary;
  if (users.length > MAX_USERS) return null;
  return [threadId, classes.map((c) => [...c]), users.map((u) => [...u]), senderRead ?? null];
}

/** Undoes encodeSummary; undefined for anything else, null among it. */
export function decodeSummary(wire: unknown): PushSummary | undefined {
  if (!Array.isArray(wire)) return undefined;
  const [threadId, classes, users, senderRead] = wire as [string, Addition[], Addition[], "thread" | "room" | null];
  return { threadId, classes, users, senderRead: senderRead ?? undefined };
}

export function createUnreadTails(maxRooms: number) {
  const tails = createLru<number, UnreadTail>(maxRooms);
  return {
    peek: (roomNid: number) => tails.peek(roomNid),
    /** position: where the events stream stands. A new tail begins there. */
    open(roomNid: number, position: number): UnreadTail {
      let tail = tails.get(roomNid);
      if (!tail) {
        tail = { from: position, complete: position, rows: [], pending: [], refreshing: undefined };
        tails.set(roomNid, tail);
      }
      return tail;
    },
    drop: (roomNid: number) => void tails.delete(roomNid),
  };
}

/** Adds an event in order. False: too many wait for the database, so that the tail is worth nothing. */
export function announce(tail: UnreadTail, event: Announced): boolean {
  if (event.streamOrdering <= tail.complete) return true;
  if (tail.pending.length === 0 && event.summary) append(tail, { ...event, ...event.summary });
  else tail.pending.push(event);
  return tail.pending.length <= MAX_ROWS;
}

function append(tail: UnreadTail, row: TailRow): void {
  tail.rows.push(row);
  tail.complete = row.streamOrdering;
  if (tail.rows.length <= MAX_ROWS) return;
  const dropped = tail.rows.splice(0, MAX_ROWS / 2);
  tail.from = dropped.at(-1)?.streamOrdering ?? tail.from;
}

/** Takes in what the database says of all events up to a position. */
export function completeTail(tail: UnreadTail, summaries: ReadonlyMap<number, PushSummary>, upTo: number): void {
  const ready = tail.pending.filter(({ streamOrdering }) => streamOrdering <= upTo);
  tail.pending = tail.pending.filter(({ streamOrdering }) => streamOrdering > upTo);
  for (const event of ready) append(tail, { ...event, ...(event.summary ?? summaries.get(event.streamOrdering) ?? emptySummary) });
}

const emptySummary: PushSummary = { threadId: "main", classes: [], users: [], senderRead: undefined };
