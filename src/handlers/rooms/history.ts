import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { StatePair } from "../../caches/stateKeys";
import { forbidden, invalidParam, notFound } from "../../errors";
import type { JsonText } from "../../lib/jsonText";
import { formatTopological, justBefore, parseToken, parseTopological } from "../../lib/streamToken";
import type { EventFilter } from "../../rooms/filter";
import { passAll } from "../../rooms/filter";
import { deepestPlaceAt, historyBackwards, historyForwards, nearestEventByTime, topologicalPositionAt } from "../../storage/events";
import type { HistoryEntry, HistoryStart, TopologicalPosition } from "../../storage/events";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import { bundledRelations } from "../events/relations";
import { renderEvents } from "../events/render";
import type { EventFormat } from "../events/render";
import type { Requester } from "../requester";
import { projectEvents } from "../sync/project";
import { backfillBefore } from "../federation/backfill";
import { nearerEvent } from "../federation/remoteEventByTime";
import { standingIn } from "./readState";
import type { Standing } from "./readState";
import { shownEvents } from "./shownEvents";
import { surroundingsOf } from "./surroundings";
import { visibleEvents } from "./visibleEvents";

export const MAX_PAGE = 1000;
/** How often what a page lacks is fetched: what comes may itself follow what is not here. */
const MAX_BACKFILLS = 5;

export interface PageRequest {
  readonly roomId: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly direction: "b" | "f";
  readonly limit: number;
  readonly filter: EventFilter | undefined;
  readonly format?: EventFormat;
}

export interface Page {
  readonly chunk: readonly unknown[];
  readonly start: string;
  /** Absent where the page is empty. */
  readonly end?: string;
  readonly state?: readonly JsonText[];
}

/** The place in a room's history that a token names. */
export async function placeOfToken(app: App, room: RoomInfo, token: string): Promise<TopologicalPosition> {
  const topological = parseTopological(token);
  if (topological) return topological;
  const live = parseToken(token);
  if (!live) throw invalidParam("Invalid token");
  return (await topologicalPositionAt(app.db, room.nid, live.events)) ?? { depth: 0, streamOrdering: 0 };
}

/** Where somebody who reads a room now starts: at its end, or at the time when they left. */
const newestPlace = (app: App, { room, left }: Standing): Promise<HistoryStart> =>
  deepestPlaceAt(app.db, room.nid, left ? left.streamOrdering : app.streams.position(eventsStream));

/** Where a page begins that goes back from a token: from a live one, with all that had come until then. */
async function startBackwards(app: App, room: RoomInfo, token: string): Promise<HistoryStart> {
  const live = parseToken(token);
  return live ? deepestPlaceAt(app.db, room.nid, live.events) : placeOfToken(app, room, token);
}

const isAfter = (a: TopologicalPosition, b: TopologicalPosition): boolean =>
  a.depth > b.depth || (a.depth === b.depth && a.streamOrdering > b.streamOrdering);

/**
 * `GET /rooms/{roomId}/messages` (client-server API, "Room messages"). A page that is not empty has an `end`, as clients that count
 * on Synapse expect; the page after the last one is empty and has none.
 */
export async function readPage(app: App, requester: Requester, request: PageRequest): Promise<Page> {
  const standing = await standingIn(app, requester, request.roomId);
  const { room } = standing;
  const { direction } = request;
  const backwards = direction === "b";
  const newest = await newestPlace(app, standing);
  const start = backwards ? startBackwards : placeOfToken;
  let from: HistoryStart =
    request.from === undefined ? (backwards ? newest : { depth: 0, streamOrdering: 0 }) : await start(app, room, request.from);
  // Who left reads no further than to the moment of leaving.
  if (standing.left && isAfter(from, newest)) from = newest;
  const to = request.to === undefined ? (standing.left && !backwards ? newest : undefined) : await placeOfToken(app, room, request.to);
  const limit = Math.min(Math.max(1, request.limit), MAX_PAGE);
  const entries = backwards ? await readBackwards(app, room, from, to, limit) : await historyForwards(app.db, room.nid, from, to, limit);
  const events = await shownEvents(app, requester, room, entries, request.filter ?? passAll);
  const last = entries.at(-1);
  const rendered = await renderPage(app, requester, events, request.format ?? "client");
  const state = request.filter?.lazyLoadMembers ? await membersOfSenders(app, requester, room, events) : undefined;
  return {
    chunk: projectEvents(rendered, undefined),
    start: request.from ?? formatTopological(from),
    ...(last && { end: formatTopological(backwards ? justBefore(last) : last) }),
    ...(state && state.length > 0 && { state }),
  };
}

/** A page of history; where the room is older than what is stored, other servers are asked for what is missing. */
async function readBackwards(
  app: App,
  room: RoomInfo,
  from: HistoryStart,
  to: TopologicalPosition | undefined,
  limit: number,
): Promise<HistoryEntry[]> {
  const { hosts } = await app.caches.memberships.ofRoom(room.nid);
  // What is missing may be between this page and the one before, which ended with the next event.
  const next = hosts.size > 1 ? await historyForwards(app.db, room.nid, from, undefined, 1) : [];
  for (let round = 0; ; round++) {
    const entries = await historyBackwards(app.db, room.nid, from, to, limit);
    if (hosts.size <= 1 || round >= MAX_BACKFILLS) return entries;
    const events = await app.caches.events.byNids([...next, ...entries].map(({ nid }) => nid));
    if (!(await backfillBefore(app, room, [...events.values()]))) return entries;
  }
}

/** Events with their aggregations, for answers that show events. */
export async function renderPage(app: App, requester: Requester, events: readonly StoredEvent[], format: EventFormat): Promise<JsonText[]> {
  const relations = await bundledRelations(app, requester.userId, events);
  return renderEvents(app, events, { format, reader: requester, relations });
}

/** Member events of the senders of a page as of its first event (in Synapse too), for lazy loading. */
async function membersOfSenders(app: App, requester: Requester, room: RoomInfo, events: readonly StoredEvent[]): Promise<JsonText[]> {
  const group = events.find(({ row }) => typeof row.stateGroup === "number")?.row.stateGroup;
  if (typeof group !== "number") return [];
  const senders = [...new Set(events.map(({ row }) => row.sender))];
  const found = await app.caches.roomState.pick(
    await app.caches.roomState.group(group),
    senders.map((sender): StatePair => ["m.room.member", sender]),
  );
  return renderEvents(app, found.filter((event) => event !== undefined) as StoredEvent[], { format: "client", reader: requester });
}

/** One event that the requester may see; 404 otherwise, so that nobody can probe for event ids. */
export async function requireVisibleEvent(app: App, requester: Requester, eventId: string, roomId?: string): Promise<StoredEvent> {
  const event = await app.caches.events.byId(eventId);
  if (!event || (roomId !== undefined && event.room.roomId !== roomId)) throw notFound("Event not found.");
  const [visible] = await visibleEvents(app, requester.userId, event.room, [event]);
  if (!visible) throw roomId === undefined ? notFound("Event not found.") : notFound("Could not find event");
  return visible;
}

/** `GET /rooms/{roomId}/event/{eventId}`. */
export async function readEvent(app: App, requester: Requester, roomId: string, eventId: string): Promise<JsonText> {
  const event = await requireVisibleEvent(app, requester, eventId, roomId);
  const [text] = await renderPage(app, requester, [event], "client");
  if (!text) throw notFound("Event not found.");
  return text;
}

export interface EventContext {
  readonly event: JsonText | undefined;
  readonly events_before: readonly JsonText[];
  readonly events_after: readonly JsonText[];
  readonly state: readonly JsonText[];
  readonly start: string;
  readonly end: string;
}

/** `GET /rooms/{roomId}/context/{eventId}`: an event and its neighbours, and the state after the last of them. */
export async function readContext(
  app: App,
  requester: Requester,
  wanted: { readonly roomId: string; readonly eventId: string; readonly limit: number; readonly filter: EventFilter | undefined },
): Promise<EventContext> {
  await standingIn(app, requester, wanted.roomId);
  const event = await requireVisibleEvent(app, requester, wanted.eventId, wanted.roomId).catch(async (error: unknown) => {
    if (await app.caches.events.byId(wanted.eventId)) throw forbidden("You don't have permission to access that event.");
    throw error;
  });
  const limit = Math.min(Math.max(0, wanted.limit), MAX_PAGE);
  const half = Math.floor(limit / 2);
  const filter = wanted.filter ?? passAll;
  const around = await surroundingsOf(app, event, { before: half, after: limit - half }, (entries) =>
    shownEvents(app, requester, event.room, entries, filter),
  );
  const { before: eventsBefore, after: eventsAfter, start, end } = around;
  const last = eventsAfter.at(-1) ?? event;
  const [rendered, renderedBefore, renderedAfter, state] = await Promise.all([
    renderPage(app, requester, [event], "client"),
    renderPage(app, requester, eventsBefore, "client"),
    renderPage(app, requester, eventsAfter, "client"),
    contextState(app, requester, last, filter, [...eventsBefore, event, ...eventsAfter]),
  ]);
  return { event: rendered[0], events_before: renderedBefore, events_after: renderedAfter, state, start, end };
}

async function contextState(
  app: App,
  requester: Requester,
  last: StoredEvent,
  filter: EventFilter,
  shown: readonly StoredEvent[],
): Promise<JsonText[]> {
  if (filter.lazyLoadMembers) {
    const members = await membersOfSenders(app, requester, last.room, [...shown, last]);
    return members;
  }
  const { stateGroup } = last.row;
  if (stateGroup === null) return [];
  const events = await app.caches.roomState.events(await app.caches.roomState.group(stateGroup));
  const passing = events.filter((event) => filter.types === undefined || filter.matches(event));
  return renderEvents(app, passing, { format: "client", reader: requester });
}

/** `GET /rooms/{roomId}/timestamp_to_event` (MSC3030). */
export async function readEventByTime(
  app: App,
  requester: Requester,
  roomId: string,
  ts: number,
  direction: "f" | "b",
): Promise<{ event_id: string; origin_server_ts: number }> {
  const { room } = await standingIn(app, requester, roomId);
  const known = await nearestEventByTime(app.db, room.nid, ts, direction);
  const found = (await nearerEvent(app, room, known, { ts, direction })) ?? known;
  if (!found) throw notFound(`Unable to find event from ${ts} in direction ${direction}`);
  return { event_id: found.eventId, origin_server_ts: found.originServerTs };
}
