import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import type { JsonText } from "../../lib/jsonText";
import { eventsOfRoomsAfter } from "../../storage/events";
import { membershipChangesOfUser } from "../../storage/memberships";
import { membershipOf } from "../../writers/eventFacts";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { visibleEvents } from "../rooms/visibleEvents";
import { groupBy } from "../../lib/groupBy";

export interface NewEventsQuery {
  readonly rooms: readonly Pick<UserRoom, "roomNid">[];
  /** Leave out what happened to the user in other rooms. */
  readonly only: RoomInfo | undefined;
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

export interface NewEvents {
  readonly texts: readonly JsonText[];
  /** Everything up to here is in texts. */
  readonly upTo: number;
  /** Others who joined. */
  readonly joiners: readonly string[];
  /** Rooms that the user joined. */
  readonly enteredRooms: readonly number[];
}

interface Entry {
  readonly nid: number;
  readonly streamOrdering: number;
}

/** The oldest events after a position that a user sees in some rooms, and what happened to the user elsewhere, such as invitations. */
export async function roomEventsBetween(app: App, requester: Requester, query: NewEventsQuery): Promise<NewEvents> {
  const { entries, upTo } = await entriesBetween(app, requester.userId, query);
  if (entries.length === 0) return { texts: [], upTo, joiners: [], enteredRooms: [] };
  const [stored, ignored] = await Promise.all([
    app.caches.events.byNids(entries.map(({ nid }) => nid)),
    ignoredUsersOf(app, requester.userId),
  ]);
  const events = entries.flatMap(({ nid }) => stored.get(nid) ?? []);
  const shown = (await visibleIn(app, requester.userId, events)).filter(({ row }) => row.stateKey !== null || !ignored.has(row.sender));
  const joins = shown.filter((event) => event.row.type === "m.room.member" && membershipOf(event.shown) === "join");
  return {
    texts: await renderEvents(app, shown, { format: "legacy", reader: requester }),
    upTo,
    joiners: joins.flatMap(({ row }) => (row.stateKey === requester.userId ? [] : (row.stateKey ?? []))),
    enteredRooms: joins.flatMap(({ row }) => (row.stateKey === requester.userId ? row.roomNid : [])),
  };
}

async function entriesBetween(app: App, userId: string, query: NewEventsQuery): Promise<{ entries: readonly Entry[]; upTo: number }> {
  const { from, to, limit } = query;
  if (limit === 0 || from >= to) return { entries: [], upTo: Math.max(from, to) };
  const [inRooms, own] = await Promise.all([eventsInRooms(app, query), ownChanges(app, userId, query)]);
  const unique = new Map([...inRooms, ...own].map((entry) => [entry.nid, entry]));
  const entries = [...unique.values()].sort((a, b) => a.streamOrdering - b.streamOrdering);
  const page = entries.slice(0, limit);
  return { entries: page, upTo: entries.length > limit ? (page.at(-1)?.streamOrdering ?? to) : to };
}

/** Out of memory where that reaches back, else in one query. One more than the limit tells that there are more. */
async function eventsInRooms(app: App, { rooms, from, to, limit }: NewEventsQuery): Promise<Entry[]> {
  const moved = rooms.filter(({ roomNid }) => app.caches.tails.changedSince(roomNid, from) !== false);
  const tails = moved.map(({ roomNid }) => app.caches.tails.between(roomNid, from, to));
  if (tails.every((tail) => tail !== undefined)) return tails.flat();
  return eventsOfRoomsAfter(app.db, { roomNids: moved.map(({ roomNid }) => roomNid), after: from, upTo: to, limit: limit + 1 });
}

async function ownChanges(app: App, userId: string, { only, from, to }: NewEventsQuery): Promise<Entry[]> {
  const places = await app.caches.memberships.ofUser(userId);
  const moved = [...places.values()].some((place) => place.streamOrdering > from && (!only || place.roomNid === only.nid));
  if (!moved) return [];
  return (await membershipChangesOfUser(app.db, userId, from, to)).filter(({ roomNid }) => !only || roomNid === only.nid);
}

/** What a user may see, in the order given. What happened to themselves they may always see. */
async function visibleIn(app: App, userId: string, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
  const byRoom = groupBy(events, ({ room }) => room);
  const visible = await Promise.all([...byRoom].map(([room, group]) => visibleEvents(app, userId, room, group)));
  const allowed = new Map(visible.flat().map((event) => [event.row.nid, event]));
  const isOwn = ({ row }: StoredEvent): boolean => row.type === "m.room.member" && row.stateKey === userId;
  return events.flatMap((event) => allowed.get(event.row.nid) ?? (isOwn(event) ? event : []));
}
