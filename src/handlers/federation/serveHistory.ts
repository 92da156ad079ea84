import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { JsonText } from "../../lib/jsonText";
import type { App } from "../app";
import { requireSharedRoom } from "./access";
import { type PduList, pduList } from "./serveEvents";
import { pdusFor } from "./serverVisibility";

const MAX_BACKFILL = 100;
const MAX_MISSING = 20;
/** However much history is asked for, so many queries answer it. */
const MAX_LEVELS = 200;

type HistoryApp = Pick<App, "caches">;

/** `GET /backfill/{roomId}` (server-server API, "Backfilling and retrieving missing events"): the events and what came before them, newest first. */
export async function serveBackfill(
  app: App,
  origin: string,
  roomId: string,
  eventIds: readonly string[],
  limit: number,
): Promise<PduList> {
  const room = await requireSharedRoom(app, origin, roomId, "known_events");
  const events = await walkBack(app, room, eventIds, { limit: Math.min(limit, MAX_BACKFILL), except: [], minDepth: 0 });
  return pduList(app, await pdusFor(app, origin, room, events.sort(newestFirst)));
}

export interface MissingEventsRequest {
  readonly earliest: readonly string[];
  readonly latest: readonly string[];
  readonly limit: number;
  readonly minDepth: number;
}

/** `POST /get_missing_events/{roomId}`: what lies between the two sets of events, oldest first. */
export async function serveMissingEvents(
  app: App,
  origin: string,
  roomId: string,
  request: MissingEventsRequest,
): Promise<{ events: JsonText[] }> {
  const room = await requireSharedRoom(app, origin, roomId, "known_events");
  const latest = await eventsOf(app, room, request.latest);
  const starts = latest.flatMap(({ event }) => event.prevEvents);
  const { minDepth } = request;
  const events = await walkBack(app, room, starts, {
    limit: Math.min(request.limit, MAX_MISSING),
    except: [...request.earliest, ...request.latest],
    minDepth,
  });
  return { events: await pdusFor(app, origin, room, events.sort(newestFirst).reverse()) };
}

interface Bounds {
  readonly limit: number;
  readonly except: readonly string[];
  readonly minDepth: number;
}

/** Walks from events to those before them, level by level, each level in one query, until there are enough. */
async function walkBack(
  app: HistoryApp,
  room: RoomInfo,
  eventIds: readonly string[],
  { limit, except, minDepth }: Bounds,
): Promise<StoredEvent[]> {
  const seen = new Set(except);
  const found: StoredEvent[] = [];
  let level = eventIds;
  for (let levels = 0; level.length > 0 && found.length < limit && levels < MAX_LEVELS; levels++) {
    const fresh = [...new Set(level)].filter((id) => !seen.has(id));
    for (const id of fresh) seen.add(id);
    const events = (await eventsOf(app, room, fresh)).filter(({ row }) => row.depth >= minDepth);
    found.push(...events);
    level = events.flatMap(({ event }) => event.prevEvents);
  }
  return found.sort(newestFirst).slice(0, limit);
}

/** Those of the events that have a place in the room's history. */
async function eventsOf(app: HistoryApp, room: RoomInfo, eventIds: readonly string[]): Promise<StoredEvent[]> {
  const events = await app.caches.events.byIds(eventIds);
  return [...events.values()].filter(({ row }) => row.roomNid === room.nid && row.stateGroup !== null);
}

const newestFirst = (a: StoredEvent, b: StoredEvent): number =>
  b.row.depth - a.row.depth || (b.row.streamOrdering ?? 0) - (a.row.streamOrdering ?? 0);
