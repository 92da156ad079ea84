import type { StoredEvent } from "../../caches/events";
import { formatTopological, justBefore } from "../../lib/streamToken";
import { historyBackwards, historyForwards } from "../../storage/events";
import type { HistoryEntry } from "../../storage/events";
import type { App } from "../app";

/** What a reader sees around an event, nearest first, and tokens to go on from there. */
export interface Surroundings {
  readonly before: readonly StoredEvent[];
  readonly after: readonly StoredEvent[];
  readonly start: string;
  readonly end: string;
}

/** Up to so many events before and after one. */
export interface Reach {
  readonly before: number;
  readonly after: number;
}

/** `show` gives those of the entries that the reader gets, in their order. */
export async function surroundingsOf(
  app: App,
  { room, row }: StoredEvent,
  reach: Reach,
  show: (entries: readonly HistoryEntry[]) => Promise<StoredEvent[]>,
): Promise<Surroundings> {
  const at = { depth: row.depth, streamOrdering: row.streamOrdering ?? 0 };
  const before = justBefore(at);
  const [older, newer] = await Promise.all([
    reach.before > 0 ? historyBackwards(app.db, room.nid, before, undefined, reach.before) : [],
    reach.after > 0 ? historyForwards(app.db, room.nid, at, undefined, reach.after) : [],
  ]);
  const [eventsBefore, eventsAfter] = await Promise.all([show(older), show(newer)]);
  const oldest = older.at(-1);
  return {
    before: eventsBefore,
    after: eventsAfter,
    start: formatTopological(oldest ? justBefore(oldest) : before),
    end: formatTopological(newer.at(-1) ?? at),
  };
}
