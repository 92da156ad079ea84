import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import type { JsonText } from "../../lib/jsonText";
import { emptyPackedMap, packedValues } from "../../lib/packedMap";
import type { PackedMap } from "../../lib/packedMap";
import { formatToken, formatTopological } from "../../lib/streamToken";
import type { StreamToken } from "../../lib/streamToken";
import { timelinesBetween } from "../../storage/events";
import type { TimelineEntry } from "../../storage/events";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { visibleEvents } from "../rooms/visibleEvents";
import { groupBy } from "../../lib/groupBy";

/** A room to show: as it is now, or for those who left as it was then. */
export interface SnapshotPlace {
  readonly room: RoomInfo;
  readonly left: UserRoom | undefined;
}

/** The newest messages of a room, oldest first, and its state. */
export interface Snapshot {
  readonly messages: { readonly chunk: readonly JsonText[]; readonly start: string; readonly end: string };
  readonly state: readonly JsonText[];
}

interface SnapshotOptions {
  /** Messages of each room. */
  readonly limit: number;
  readonly now: StreamToken;
}

/** What the old first syncs show of rooms, by room number. Queries are made for all rooms together. */
export async function roomSnapshots(
  app: App,
  requester: Requester,
  places: readonly SnapshotPlace[],
  { limit, now }: SnapshotOptions,
): Promise<Map<number, Snapshot>> {
  const [timelines, states] = await Promise.all([newestEvents(app, places, limit, now.events), statesOf(app, places)]);
  const events = await app.caches.events.byNids([...[...timelines.values()].flat(), ...[...states.values()].flatMap(packedValues)]);
  const pick = (nids: Iterable<number>): StoredEvent[] => Array.from(nids).flatMap((nid) => events.get(nid) ?? []);
  const render = (shown: readonly StoredEvent[]): Promise<JsonText[]> => renderEvents(app, shown, { format: "legacy", reader: requester });
  const out = new Map<number, Snapshot>();
  await app.turns.mapAsync(places, async ({ room, left }) => {
    const shown = await visibleEvents(app, requester.userId, room, pick(timelines.get(room.nid) ?? []));
    const [chunk, state] = await Promise.all([render(shown), render(pick(packedValues(states.get(room.nid) ?? emptyPackedMap)))]);
    const end = formatToken({ ...now, events: left?.streamOrdering ?? now.events });
    out.set(room.nid, { messages: { chunk, start: startToken(shown[0]) ?? end, end }, state });
  });
  return out;
}

/** Just before the first event that is shown. */
function startToken(first: StoredEvent | undefined): string | undefined {
  return first && formatTopological({ depth: first.row.depth, streamOrdering: (first.row.streamOrdering ?? 1) - 1 });
}

async function newestEvents(app: App, places: readonly SnapshotPlace[], limit: number, now: number): Promise<Map<number, number[]>> {
  if (limit === 0) return new Map();
  // All rooms that the user is in end at the same position: one query then.
  const byEnd = groupBy(places, ({ left }) => left?.streamOrdering ?? now);
  const pages = await Promise.all(
    [...byEnd].map(([upTo, group]): Promise<TimelineEntry[]> => {
      const nids = group.map(({ room }) => room.nid);
      return timelinesBetween(
        app.db,
        nids,
        nids.map(() => 0),
        upTo,
        limit,
      );
    }),
  );
  const byRoom = groupBy(pages.flat(), ({ roomNid }) => roomNid);
  return new Map([...byRoom].map(([roomNid, entries]) => [roomNid, entries.map(({ nid }) => nid)]));
}

async function statesOf(app: App, places: readonly SnapshotPlace[]): Promise<Map<number, PackedMap>> {
  const ends = await app.caches.events.byNids(places.flatMap(({ left }) => left?.eventNid ?? []));
  const groupOf = ({ left }: SnapshotPlace): number | undefined => (left && ends.get(left.eventNid)?.row.stateGroup) ?? undefined;
  const [groups, currents] = await Promise.all([
    app.caches.roomState.groups(places.flatMap((place) => groupOf(place) ?? [])),
    app.caches.roomState.currents(places.flatMap(({ room, left }) => (left ? [] : [room.nid]))),
  ]);
  const out = new Map<number, PackedMap>();
  for (const place of places) {
    const state = place.left ? groups.get(groupOf(place) ?? 0) : currents.get(place.room.nid)?.state;
    if (state) out.set(place.room.nid, state);
  }
  return out;
}
