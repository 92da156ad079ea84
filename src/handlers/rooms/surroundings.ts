import type { StoredEvent } from "../../caches/events";
import { formatTopological } from "../../lib/streamToken";
import type { EventFilter } from "../../rooms/filter";
import { historyBackwards, historyForwards } from "../../storage/events";
import type { App } from "../app";
import type { Requester } from "../requester";
import { shownEvents } from "./shownEvents";

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

export async function surroundingsOf(
  app: App,
  requester: Requester,
  { room, row }: StoredEvent,
  reach: Reach,
  filter: EventFilter,
): Promise<Surroundings> {
  const at = { depth: row.depth, streamOrdering: row.streamOrdering ?? 0 };
  const before = { depth: at.depth, streamOrdering: at.streamOrdering - 1 };
  const [older, newer] = await Promise.all([
    reach.before > 0 ? historyBackwards(app.db, room.nid, before, undefined, reach.before) : [],
    reach.after > 0 ? historyForwards(app.db, room.nid, at, undefined, reach.after) : [],
  ]);
  const [eventsBefore, eventsAfter] = await Promise.all([
    shownEvents(app, requester, room, older, filter),
    shownEvents(app, requester, room, newer, filter),
  ]);
  const oldest = older.at(-1);
  return {
    before: eventsBefore,
    after: eventsAfter,
    start: formatTopological(oldest ? { depth: oldest.depth, streamOrdering: oldest.streamOrdering - 1 } : before),
    end: formatTopological(newer.at(-1) ?? at),
  };
}
