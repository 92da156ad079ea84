import type { StoredEvent } from "../../caches/events";
import { notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import { packedGet } from "../../lib/packedMap";
import { listRooms, localUseOf } from "../../storage/adminRooms";
import type { ListedRoom, RoomFilter, RoomPage } from "../../storage/adminRooms";
import { joinedUsersOf } from "../../storage/memberships";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { currentEvent, requireRoom } from "../rooms/access";

export type RoomListOrder = RoomPage["orderBy"];

type ReadApp = Pick<App, "caches" | "db">;

/** A room as lists of rooms show it to administrators. */
export interface ShownRoom extends JsonObject {
  readonly room_id: string;
}

/** Rooms by their tables, with what only their state tells. */
async function shownRooms(app: ReadApp, rooms: readonly ListedRoom[]): Promise<ShownRoom[]> {
  const { roomState, stateKeys, events } = app.caches;
  const [key] = await stateKeys.find([["m.room.create", ""]]);
  const states = await roomState.currents(rooms.map(({ roomNid }) => roomNid));
  const createOf = ({ roomNid }: ListedRoom): number | undefined => {
    const current = states.get(roomNid);
    return current && key !== undefined ? packedGet(current.state, key) : undefined;
  };
  const creates = await events.byNids(rooms.flatMap((room) => createOf(room) ?? []));
  return rooms.map((room) => shownRoom(room, creates.get(createOf(room) ?? 0), states.get(room.roomNid)?.state.size ?? 0));
}

const shownRoom = (room: ListedRoom, create: StoredEvent | undefined, stateEvents: number): ShownRoom => ({
  room_id: room.roomId,
  name: room.name,
  canonical_alias: room.canonicalAlias,
  joined_members: room.joinedMembers,
  joined_local_members: room.localMembers,
  version: room.version,
  creator: create?.sender ?? null,
  encryption: room.encryption,
  federatable: create ? own(create.shown.content, "m.federate") !== false : true,
  public: room.isPublic,
  join_rules: room.joinRule,
  guest_access: room.guestAccess,
  history_visibility: room.historyVisibility,
  state_events: stateEvents,
  room_type: room.roomType,
});

export interface RoomList {
  readonly rooms: readonly ShownRoom[];
  readonly offset: number;
  readonly total_rooms: number;
  readonly next_batch?: number;
  readonly prev_batch?: number;
}

/** `GET /rooms`: the rooms of the server by page. */
export async function readRooms(app: ReadApp, filter: RoomFilter, page: RoomPage): Promise<RoomList> {
  const { rooms, total } = await listRooms(app.db, filter, page);
  const next = page.from + rooms.length;
  return {
    rooms: await shownRooms(app, rooms),
    offset: page.from,
    total_rooms: total,
    ...(next < total && { next_batch: next }),
    ...(page.from > 0 && { prev_batch: Math.max(0, page.from - page.limit) }),
  };
}

/** `GET /rooms/{roomId}`. */
export async function readRoom(app: ReadApp, roomId: string): Promise<ShownRoom> {
  const room = await requireRoom(app, roomId);
  const page = { from: 0, limit: 10, orderBy: "name", isDescending: false } as const;
  const { rooms } = await listRooms(app.db, { search: roomId, isPublic: undefined, isEmpty: undefined }, page);
  const listed = rooms.find((found) => found.roomId === roomId);
  if (!listed) throw notFound("Room not found");
  const [shown] = await shownRooms(app, [listed]);
  const [use, tombstone] = await Promise.all([localUseOf(app.db, room.nid), currentEvent(app, room, "m.room.tombstone")]);
  const replacement = own(tombstone?.shown.content ?? {}, "replacement_room");
  return {
    ...shown,
    room_id: roomId,
    topic: listed.topic,
    avatar: listed.avatarUrl,
    joined_local_devices: use.devices,
    forgotten: use.isForgotten,
    tombstoned: tombstone !== undefined,
    replacement_room: typeof replacement === "string" ? replacement : null,
  };
}

/** `GET /rooms/{roomId}/members`: who is joined. */
export async function readMemberIds(app: ReadApp, roomId: string): Promise<{ members: readonly string[]; total: number }> {
  const room = await requireRoom(app, roomId);
  const members = (await joinedUsersOf(app.db, [room.nid])).get(room.nid) ?? [];
  return { members, total: members.length };
}

/** `GET /rooms/{roomId}/state`: the current state, or the events of one type in it. */
export async function readRoomState(app: App, requester: Requester, roomId: string, type: string | undefined): Promise<JsonText[]> {
  const room = await requireRoom(app, roomId);
  const current = await app.caches.roomState.current(room.nid);
  const events = current ? await app.caches.roomState.events(current.state) : [];
  const wanted = type === undefined ? events : events.filter((event) => event.type === type);
  return renderEvents(app, wanted, { format: "legacy", reader: requester });
}
