import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { EventFilter } from "../../rooms/filter";
import { timelinesBetween } from "../../storage/events";
import { groupBy } from "../../lib/groupBy";
import type { App } from "../app";
import { placeOf } from "../rooms/access";
import { visibleEvents } from "../rooms/visibleEvents";

/** A room whose news are wanted: those with since < position <= upTo. */
export interface TimelineRequest {
  readonly room: RoomInfo;
  readonly since: number;
  readonly upTo: number;
  /** Whether the user saw everything of the room all the time since: no event needs a look at its visibility. */
  readonly sawAll: boolean;
}

export interface Timeline {
  /** Oldest first. */
  readonly events: readonly StoredEvent[];
  /** More happened than is shown. */
  readonly limited: boolean;
  /** Position of the oldest event that was looked at; state changes before it belong to `state`. */
  readonly start: number;
}

const DEFAULT_LIMIT = 10;
/** How many events are read for one that passes the filter, at the most, before a sparse timeline is given up. */
const MAX_ROUNDS = 5;

/** The number of events that a sync shows of a room (`filter_timeline_limit`; -1: no cap). */
export function timelineLimit(app: Pick<App, "config">, filter: EventFilter): number {
  const cap = app.config.filter_timeline_limit;
  const wanted = filter.limit ?? DEFAULT_LIMIT;
  return cap < 0 ? wanted : Math.min(wanted, cap);
}

interface Page {
  readonly nids: readonly number[];
  /** Everything after this position was looked at. */
  readonly from: number;
  readonly complete: boolean;
}

/** Newest events of rooms out of memory where it reaches back far enough, else of the database in one query for all. */
async function pages(app: Pick<App, "caches" | "db">, requests: readonly TimelineRequest[], limit: number): Promise<Map<number, Page>> {
  const out = new Map<number, Page>();
  const ask: TimelineRequest[] = [];
  for (const request of requests) {
    const { room, since, upTo } = request;
    const tail = since > 0 ? app.caches.tails.between(room.nid, since, upTo) : undefined;
    if (!tail) ask.push(request);
    else {
      const shown = tail.slice(-limit);
      const complete = shown.length === tail.length;
      out.set(room.nid, {
        nids: shown.map(({ nid }) => nid),
        from: complete ? since : (shown[0]?.streamOrdering ?? upTo + 1) - 1,
        complete,
      });
    }
  }
  // Requests mostly end at the same position: one query then.
  for (const [upTo, group] of groupBy(ask, (request) => request.upTo)) {
    const rows = await timelinesBetween(
      app.db,
      group.map(({ room }) => room.nid),
      group.map(({ since }) => since),
      upTo,
      limit + 1,
    );
    const byRoom = groupBy(rows, (row) => row.roomNid);
    for (const { room, since } of group) {
      const found = byRoom.get(room.nid) ?? [];
      const complete = found.length <= limit;
      const shown = found.slice(-limit || found.length);
      out.set(room.nid, {
        nids: shown.map(({ nid }) => nid),
        from: complete ? since : (shown[0]?.streamOrdering ?? upTo + 1) - 1,
        complete,
      });
    }
  }
  return out;
}

/** The timelines of rooms: what the user may see and the filter passes, at most `limit` each. */
export async function timelinesOf(
  app: App,
  userId: string,
  requests: readonly TimelineRequest[],
  filter: EventFilter,
): Promise<Map<number, Timeline>> {
  const limit = timelineLimit(app, filter);
  const first = await pages(app, requests, Math.max(limit, 1));
  const events = await app.caches.events.byNids([...first.values()].flatMap(({ nids }) => nids));
  const out = new Map<number, Timeline>();
  await app.turns.mapAsync(requests, async (request) => {
    const page = first.get(request.room.nid);
    if (page) out.set(request.room.nid, await fill(app, userId, request, { page, events, limit, filter }));
  });
  return out;
}

/** Filters a page; where that leaves too little and there is more, looks further back. */
async function fill(
  app: App,
  userId: string,
  request: TimelineRequest,
  given: { page: Page; events: ReadonlyMap<number, StoredEvent>; limit: number; filter: EventFilter },
): Promise<Timeline> {
  const { limit, filter } = given;
  let page = given.page;
  let loaded = given.events;
  let kept: StoredEvent[] = [];
  for (let round = 1; ; round++) {
    const stored = page.nids.flatMap((nid) => loaded.get(nid) ?? []);
    const visible = request.sawAll ? stored : await visibleOrCurrent(app, userId, request.room, stored);
    kept = [...visible.filter((event) => filter.matches(event)), ...kept];
    if (page.complete || kept.length >= limit || round >= MAX_ROUNDS) break;
    page = (await pages(app, [{ ...request, upTo: page.from }], Math.max(limit, 20))).get(request.room.nid) ?? { ...page, complete: true };
    loaded = await app.caches.events.byNids(page.nids);
  }
  const shown = limit === 0 ? [] : kept.slice(-limit);
  const limited = !page.complete || shown.length < kept.length;
  const start = limited && shown.length > 0 ? (shown[0]?.row.streamOrdering ?? 0) - 1 : limited && limit === 0 ? request.upTo : page.from;
  return { events: shown, limited, start };
}

/**
 * What the user may see, how they got to where they are, and what is part of the room's present state: members know that anyway, so
 * that it is shown whole.
 */
async function visibleOrCurrent(app: App, userId: string, room: RoomInfo, stored: readonly StoredEvent[]): Promise<StoredEvent[]> {
  const visible = new Map((await visibleEvents(app, userId, room, stored)).map((event) => [event.row.nid, event]));
  const add = (event: StoredEvent): void => void visible.set(event.row.nid, event);
  const hidden = stored.filter(
    (event) => visible.get(event.row.nid) !== event && event.row.stateKey !== null && event.row.rejected === null && !event.row.softFailed,
  );
  const place = hidden.length > 0 ? await placeOf(app, userId, room) : undefined;
  const own = hidden.find(({ row }) => row.nid === place?.eventNid);
  if (own) add(own);
  const current = place?.membership === "join" ? await app.caches.roomState.current(room.nid) : undefined;
  if (current) {
    const held = await app.caches.roomState.pick(
      current.state,
      hidden.map(({ row }) => [row.type, row.stateKey ?? ""]),
    );
    hidden.forEach((event, i) => held[i]?.row.nid === event.row.nid && add(event));
  }
  return stored.flatMap((event) => visible.get(event.row.nid) ?? []);
}
