import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { packedGet } from "../../lib/packedMap";
import { historyVisibilityOf, maySee } from "../../rooms/visibility";
import { membershipOf } from "../../writers/eventFacts";
import type { App } from "../app";
import { placeOf } from "./access";
import { withoutErased } from "./erasure";
import type { ErasureApp } from "./erasure";

type VisibilityApp = Pick<App, "caches">;

/**
 * Those of a room's events that the user may see (client-server API, "Room History Visibility"), in the order given. Everything that
 * clients read of a room's history goes through here. What erased users said comes in its redacted form, as events of their own, where
 * the user was not there.
 */
export async function visibleEvents(
  app: VisibilityApp & ErasureApp,
  userId: string,
  room: RoomInfo,
  events: readonly StoredEvent[],
): Promise<readonly StoredEvent[]> {
  return withoutErased(app, userId, await seenEvents(app, userId, room, events));
}

async function seenEvents(
  app: VisibilityApp,
  userId: string,
  room: RoomInfo,
  events: readonly StoredEvent[],
): Promise<readonly StoredEvent[]> {
  const shown = events.filter(
    (event) =>
      event.row.rejected === null &&
      !event.row.softFailed &&
      (event.row.stateGroup !== null || isOutOfBand(event, userId)) &&
      event.row.type !== "org.matrix.dummy_event",
  );
  const place = await placeOf(app, userId, room);
  if (place?.membership === "join" && (await isSharedThroughout(app, room))) return shown;
  return bySituation(app, userId, place, shown);
}

/** The user's own invitation, or the end of it, from a room that nobody of this server is in: there is no state to judge it by. */
const isOutOfBand = ({ row }: StoredEvent, userId: string): boolean =>
  row.stateGroup === null && row.streamOrdering !== null && row.type === "m.room.member" && row.stateKey === userId;

/** The common case: the visibility was set once, to one under which members see everything. */
async function isSharedThroughout(app: VisibilityApp, room: RoomInfo): Promise<boolean> {
  const event = await app.caches.roomState.event(room.nid, "m.room.history_visibility", "");
  if (!event) return true;
  const visibility = historyVisibilityOf(event.shown);
  return event.row.replacesNid === null && (visibility === "shared" || visibility === "world_readable");
}

/** Looks at the state before and after each event. */
async function bySituation(
  app: VisibilityApp,
  userId: string,
  place: UserRoom | undefined,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const { stateKeys, roomState } = app.caches;
  const [keys, groups, lastJoin] = await Promise.all([
    stateKeys.find([
      ["m.room.history_visibility", ""],
      ["m.room.member", userId],
    ]),
    roomState.groups([...new Set(events.flatMap(({ row }) => row.stateGroup ?? []))]),
    lastJoinOf(app, place),
  ]);
  /** What a key held before and after an event, as event numbers. */
  const around = ({ row }: StoredEvent, key: number | undefined): readonly [before: number | undefined, after: number | undefined] => {
    const state = groups.get(row.stateGroup ?? 0);
    const after = key === undefined || !state ? undefined : packedGet(state, key);
    return [after === row.nid ? (row.replacesNid ?? undefined) : after, after];
  };
  const wanted = new Set(events.flatMap((event) => keys.flatMap((key) => around(event, key))));
  const stored = await app.caches.events.byNids([...wanted].filter((nid) => nid !== undefined));
  const eventAt = (nid: number | undefined): StoredEvent | undefined => (nid === undefined ? undefined : stored.get(nid));

  return events.filter((event) => {
    if (isOutOfBand(event, userId)) return true;
    const [visibility, visibilityAfter] = around(event, keys[0]).map((nid) => historyVisibilityOf(eventAt(nid)?.shown));
    const [membership, membershipAfter] = around(event, keys[1]).map((nid) => membershipOf(eventAt(nid)?.shown) ?? "leave");
    return maySee({
      visibility: visibility ?? "shared",
      visibilityAfter: visibilityAfter ?? "shared",
      membership: membership ?? "leave",
      membershipAfter: membershipAfter ?? "leave",
      joinedSince: place?.membership === "join" || lastJoin > (event.row.streamOrdering ?? 0),
    });
  });
}

/** Position of the newest join of somebody who has left since; 0 for none. */
async function lastJoinOf(app: VisibilityApp, place: UserRoom | undefined): Promise<number> {
  if (!place || place.membership === "join") return 0;
  return (await lastJoins(app, [place])).get(place.roomNid) ?? 0;
}

/** When a user joined last the rooms in which they are no more, by room number; rooms that they never joined are left out. */
export async function lastJoins(app: VisibilityApp, places: readonly UserRoom[]): Promise<Map<number, number>> {
  const joins = new Map<number, number>();
  let open = places.map(({ roomNid, eventNid }) => ({ roomNid, nid: eventNid }));
  // Memberships in between are few.
  for (let hops = 0; open.length > 0 && hops < 20; hops++) {
    const events = await app.caches.events.byNids(open.map(({ nid }) => nid));
    open = open.flatMap(({ roomNid, nid }) => {
      const event = events.get(nid);
      if (!event || membershipOf(event.shown) === "join") {
        if (event) joins.set(roomNid, event.row.streamOrdering ?? 0);
        return [];
      }
      return event.row.replacesNid === null ? [] : [{ roomNid, nid: event.row.replacesNid }];
    });
  }
  return joins;
}
