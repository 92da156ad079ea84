import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { EventFilter } from "../../rooms/filter";
import type { HistoryEntry } from "../../storage/events";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import type { Requester } from "../requester";
import { visibleEvents } from "./visibleEvents";

/** Those of the entries that the reader may see and the filter passes, in their order. */
export async function shownEvents(
  app: App,
  requester: Requester,
  room: RoomInfo,
  entries: readonly HistoryEntry[],
  filter: EventFilter,
): Promise<StoredEvent[]> {
  const [stored, ignored] = await Promise.all([
    app.caches.events.byNids(entries.map(({ nid }) => nid)),
    ignoredUsersOf(app, requester.userId),
  ]);
  const events = entries.flatMap(({ nid }) => stored.get(nid) ?? []);
  const visible = await visibleEvents(app, requester.userId, room, events);
  return visible.filter((event) => (event.row.stateKey !== null || !ignored.has(event.sender)) && filter.matches(event));
}
