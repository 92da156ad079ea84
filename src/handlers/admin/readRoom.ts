import type { StoredEvent } from "../../caches/events";
import { notFound } from "../../errors";
import type { JsonText } from "../../lib/jsonText";
import { formatTopological, justBefore } from "../../lib/streamToken";
import { passAll } from "../../rooms/filter";
import type { EventFilter } from "../../rooms/filter";
import { deepestPlaceAt, historyBackwards, historyForwards, nearestEventByTime } from "../../storage/events";
import type { HistoryEntry, HistoryStart, TopologicalPosition } from "../../storage/events";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { findRoom } from "../rooms/access";
import { MAX_PAGE, placeOfToken, renderPage } from "../rooms/history";
import type { PageRequest } from "../rooms/history";
import { surroundingsOf } from "../rooms/surroundings";
import { treeFor } from "../spaces/hierarchy";
import type { HierarchyRequest } from "../spaces/hierarchy";

const START: TopologicalPosition = { depth: 0, streamOrdering: 0 };

/** Events of any room, as they are: administrators see what members do not. */
async function eventsOf(app: App, entries: readonly HistoryEntry[], filter: EventFilter): Promise<StoredEvent[]> {
  const stored = await app.caches.events.byNids(entries.map(({ nid }) => nid));
  return entries.flatMap(({ nid }) => stored.get(nid) ?? []).filter((event) => filter.matches(event));
}

/** `GET /rooms/{roomId}/messages`: the history of any room. Of rooms that nobody here knows it is empty. */
export async function readAnyPage(app: App, requester: Requester, request: PageRequest) {
  const room = await findRoom(app, request.roomId);
  const isBackwards = request.direction === "b";
  const newest = room && (await deepestPlaceAt(app.db, room.nid, app.streams.position(eventsStream)));
  const placeOf = (token: string): Promise<TopologicalPosition> | TopologicalPosition => (room ? placeOfToken(app, room, token) : START);
  const from: HistoryStart = request.from === undefined ? ((isBackwards ? newest : undefined) ?? START) : await placeOf(request.from);
  const to = request.to === undefined ? undefined : await placeOf(request.to);
  const limit = Math.min(Math.max(1, request.limit), MAX_PAGE);
  const read = isBackwards ? historyBackwards : historyForwards;
  const entries = room ? await read(app.db, room.nid, from, to, limit) : [];
  const last = entries.at(-1);
  return {
    chunk: await renderPage(app, requester, await eventsOf(app, entries, request.filter ?? passAll), "legacy"),
    start: request.from ?? formatTopological(from),
    ...(last && { end: formatTopological(isBackwards ? justBefore(last) : last) }),
  };
}

async function requireEventIn(app: App, roomId: string, eventId: string): Promise<StoredEvent> {
  const event = await app.caches.events.byId(eventId);
  if (!event || event.room.roomId !== roomId) throw notFound("Event not found.");
  return event;
}

/** `GET /rooms/{roomId}/context/{eventId}` of any room. */
export async function readAnyContext(
  app: App,
  requester: Requester,
  wanted: { readonly roomId: string; readonly eventId: string; readonly limit: number; readonly filter: EventFilter | undefined },
) {
  const event = await requireEventIn(app, wanted.roomId, wanted.eventId);
  const limit = Math.min(Math.max(0, wanted.limit), MAX_PAGE);
  const half = Math.floor(limit / 2);
  const filter = wanted.filter ?? passAll;
  const around = await surroundingsOf(app, event, { before: half, after: limit - half }, (entries) => eventsOf(app, entries, filter));
  const { stateGroup } = (around.after.at(-1) ?? event).row;
  const state = stateGroup === null ? [] : await app.caches.roomState.events(await app.caches.roomState.group(stateGroup));
  const [[shownEvent], shownBefore, shownAfter, shownState] = await Promise.all([
    renderPage(app, requester, [event], "legacy"),
    renderPage(app, requester, around.before, "legacy"),
    renderPage(app, requester, around.after, "legacy"),
    renderEvents(app, state, { format: "legacy", reader: requester }),
  ]);
  return {
    events_before: shownBefore,
    event: shownEvent,
    events_after: shownAfter,
    state: shownState,
    start: around.start,
    end: around.end,
  };
}

/** `GET /rooms/{roomId}/timestamp_to_event` of any room, as far as it is here. */
export async function readAnyEventByTime(app: App, roomId: string, ts: number, direction: "f" | "b") {
  const room = await findRoom(app, roomId);
  const found = room && (await nearestEventByTime(app.db, room.nid, ts, direction));
  const name = direction === "f" ? "FORWARDS" : "BACKWARDS";
  if (!found) throw notFound(`Unable to find event from ${ts} in direction Direction.${name}`);
  return { event_id: found.eventId, origin_server_ts: found.originServerTs };
}

/** `GET /fetch_event/{eventId}`: any event that is here, as other servers see it. */
export async function fetchEvent(app: App, requester: Requester, eventId: string): Promise<JsonText> {
  const event = await app.caches.events.byId(eventId);
  const [text] = event ? await renderEvents(app, [event], { format: "federation", reader: requester }) : [];
  if (!text) throw notFound("Event not found");
  return text;
}

/** `GET /rooms/{roomId}/hierarchy`: the tree of a space, as far as this server knows its rooms. */
export async function readAnyHierarchy(app: App, requester: Requester, request: Omit<HierarchyRequest, "choice">) {
  const tree = await treeFor(app, requester, { ...request, choice: "all" }, "administrator");
  if (!tree) throw notFound("Room not found");
  return tree;
}
