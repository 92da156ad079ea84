import { groupBy } from "../../lib/groupBy";
import type { StoredEvent } from "../../caches/events";
import { own } from "../../lib/json";
import type { EventFilter } from "../../rooms/filter";
import { searchEvents } from "../../storage/eventSearch";
import type { SearchHit, SearchQuery } from "../../storage/eventSearch";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { currentEvent } from "../rooms/access";
import { predecessorOf } from "../rooms/followUpgrade";
import { visibleEvents } from "../rooms/visibleEvents";

export interface Hit {
  readonly hit: SearchHit;
  readonly event: StoredEvent;
}

/** Rows that are read at once, and how often: somebody who may see next to nothing of what fits must come to an end. */
const MIN_PAGE = 50;
const MAX_PAGE = 500;
const MAX_PAGES = 6;
/** Upgrades that are followed back. */
const MAX_PREDECESSORS = 10;

/** Rooms in which a search looks: those that the user is in and the filter allows, and where it names rooms also those that they took the place of. */
export async function roomsToSearch(app: App, userId: string, filter: EventFilter): Promise<number[]> {
  const places = [...(await app.caches.memberships.ofUser(userId)).values()];
  const joined = places.filter((place) => place.membership === "join" && filter.allowsRoom(place.roomId));
  const rooms = new Set(joined.map((place) => place.roomNid));
  if (filter.rooms === undefined) return [...rooms];
  let newest = await app.caches.rooms.byNids([...rooms]);
  for (let hops = 0; newest.size > 0 && hops < MAX_PREDECESSORS; hops++) {
    const creates = await Promise.all([...newest.values()].map((room) => currentEvent(app, room, "m.room.create")));
    const older = await app.caches.rooms.byIds(creates.flatMap((create) => (create && predecessorOf(create.shown.content)) ?? []));
    newest = new Map([...older.values()].filter(({ nid }) => !rooms.has(nid)).map((room) => [room.nid, room]));
    for (const nid of newest.keys()) rooms.add(nid);
  }
  return [...rooms];
}

export interface HitsWanted {
  readonly userId: string;
  readonly query: Omit<SearchQuery, "limit">;
  readonly filter: EventFilter;
  readonly sender: string | undefined;
  readonly limit: number;
}

/** The first results that the user may see, and whether there may be more. */
export async function collectHits(app: App, { userId, query, filter, sender, limit }: HitsWanted): Promise<{ hits: Hit[]; more: boolean }> {
  const hits: Hit[] = [];
  const ignored = await ignoredUsersOf(app, userId);
  const passes = (event: StoredEvent): boolean =>
    event.row.redactedBy === null &&
    (sender === undefined || event.sender === sender) &&
    (event.row.stateKey !== null || !ignored.has(event.sender)) &&
    filter.allowsType(event.type) &&
    filter.allowsSender(event.sender) &&
    (filter.containsUrl === undefined || filter.containsUrl === (typeof own(event.content, "url") === "string"));
  const page = Math.min(Math.max(limit * 2, MIN_PAGE), MAX_PAGE);
  let { after } = query;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const rows = await searchEvents(app.db, { ...query, after, limit: page });
    const stored = await app.caches.events.byNids(rows.map(({ nid }) => nid));
    const visible = await visibleOnes(app, userId, [...stored.values()].filter(passes));
    for (const hit of rows) {
      const event = visible.get(hit.nid);
      // What an erased user said may be shown as if it were redacted.
      if (!event || event.row.redactedBy !== null) continue;
      if (hits.length === limit) return { hits, more: true };
      hits.push({ hit, event });
    }
    after = rows.at(-1);
    if (rows.length < page) return { hits, more: false };
  }
  return { hits, more: hits.length > 0 };
}

async function visibleOnes(app: App, userId: string, events: readonly StoredEvent[]): Promise<Map<number, StoredEvent>> {
  const byRoom = groupBy(events, ({ room }) => room.nid);
  const visible = await Promise.all(
    [...byRoom.values()].map(async (ofRoom) => {
      const room = ofRoom[0]?.room;
      return room ? visibleEvents(app, userId, room, ofRoom) : [];
    }),
  );
  return new Map(visible.flat().map((event) => [event.row.nid, event]));
}
