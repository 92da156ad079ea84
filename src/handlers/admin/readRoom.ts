import type { StoredEvent } from "../../caches/events";
import { notFound } from "../../errors";
import type { JsonText } from "../../lib/jsonText";
import { formatTopological } from "../../lib/streamToken";
import { passAll } from "../../rooms/filter";
import type { EventFilter } from "../../rooms/filter";
import { historyBackwards, historyForwards, nearestEventByTime, topologicalPositionAt } from "../../storage/events";
import type { HistoryEntry, TopologicalPosition } from "../../storage/events";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import { bundledRelations } from "../events/relations";
import { renderEvents } from "../events/render";
import type { EventFormat } from "../events/render";
import type { Requester } from "../requester";
import { findRoom } from "../rooms/access";
import { placeOfToken } from "../rooms/history";
import { treeFor } from "../spaces/hierarchy";
import type { HierarchyRequest } from "../spaces/hierarchy";

const MAX_PAGE = 1000;
const START: TopologicalPosition = { depth: 0, streamOrdering: 0 };

/** Events of any room, as they are: administrators see what members do not. */
async function eventsOf(app: App, entries: readonly HistoryEntry[], filter: EventFilter): Promise<StoredEvent[]> {
  const stored = await app.caches.events.byNids(entries.map(({ nid }) => nid));
  return entries.flatMap(({ nid }) => stored.get(nid) ?? []).filter((event) => filter.matches(event));
}

async function shown(app: App, reader: Requester, events: readonly StoredEvent[], format: EventFormat = "legacy"): Promise<JsonText[]> {
  const relations = await bundledRelations(app, reader.userId, events);
  return renderEvents(app, events, { format, reader, relations });
}

export interface AdminPageRequest {
  readonly roomId: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly direction: "b" | "f";
  readonly limit: number;
  readonly filter: EventFilter | undefined;
}

/** `GET /rooms/{roomId}/messages`: the history of any room. Of rooms that nobody here knows it is empty. */
export async function readAnyPage(app: App, requester: Requester, request: AdminPageRequest) {
  const room = await findRoom(app, request.roomId);
  const isBackwards = request.direction === "b";
  const newest = room && (await topologicalPositionAt(app.db, room.nid, app.streams.position(eventsStream)));
  const placeOf = (token: string): Promise<TopologicalPosition> | TopologicalPosition => (room ? placeOfToken(app, room, token) : START);
  const from = request.from === undefined ? ((isBackwards ? newest : undefined) ?? START) : await placeOf(request.from);
  const to = request.to === undefined ? undefined : await placeOf(request.to);
  const limit = Math.min(Math.max(1, request.limit), MAX_PAGE);
  const read = isBackwards ? historyBackwards : historyForwards;
  const entries = room ? await read(app.db, room.nid, from, to, limit) : [];
  const last = entries.at(-1);
  return {
    chunk: await shown(app, requester, await eventsOf(app, entries, request.filter ?? passAll)),
    start: request.from ?? formatTopological(from),
    ...(last && { end: formatTopological(isBackwards ? before(last) : last) }),
  };
}

const before = ({ depth, streamOrdering }: TopologicalPosition): TopologicalPosition => ({ depth, streamOrdering: streamOrdering - 1 });

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
  const { nid } = event.room;
  const at = { depth: event.row.depth, streamOrdering: event.row.streamOrdering ?? 0 };
  const limit = Math.min(Math.max(0, wanted.limit), MAX_PAGE);
  const half = Math.floor(limit / 2);
  const [older, newer] = await Promise.all([
    half > 0 ? historyBackwards(app.db, nid, before(at), undefined, half) : [],
    limit > half ? historyForwards(app.db, nid, at, undefined, limit - half) : [],
  ]);
  const filter = wanted.filter ?? passAll;
  const [eventsBefore, eventsAfter] = await Promise.all([eventsOf(app, older, filter), eventsOf(app, newer, filter)]);
  const { stateGroup } = (eventsAfter.at(-1) ?? event).row;
  const state = stateGroup === null ? [] : await app.caches.roomState.events(await app.caches.roomState.group(stateGroup));
  const [[shownEvent], shownBefore, shownAfter, shownState] = await Promise.all([
    shown(app, requester, [event]),
    shown(app, requester, eventsBefore),
    shown(app, requester, eventsAfter),
    renderEvents(app, state, { format: "legacy", reader: requester }),
  ]);
  const oldest = older.at(-1);
  return {
    events_before: shownBefore,
    event: shownEvent,
    events_after: shownAfter,
    state: shownState,
    start: formatTopological(before(oldest ?? at)),
    end: formatTopological(newer.at(-1) ?? at),
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
