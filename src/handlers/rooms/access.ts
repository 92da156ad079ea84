import type { StoredEvent } from "../../caches/events";
import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { forbidden, notFound } from "../../errors";
import type { PowerLevels } from "../../rooms/auth/levels";
import { levelsFrom } from "../../rooms/auth/levels";
import { packedGet } from "../../lib/packedMap";
import { fitsId } from "../../rooms/ids";
import { MatrixError } from "../../errors";
import type { App } from "../app";

type CachesApp = Pick<App, "caches">;

/** The room, or undefined where this server has never heard of it. */
export async function findRoom(app: CachesApp, roomId: string): Promise<RoomInfo | undefined> {
  if (!roomId.startsWith("!") || !fitsId(roomId)) throw new MatrixError(400, "M_INVALID_PARAM", `${roomId.slice(0, 300)} is not a room id`);
  return app.caches.rooms.byId(roomId);
}

/** The room; 404 M_NOT_FOUND where this server has never heard of it. */
export async function requireRoom(app: CachesApp, roomId: string): Promise<RoomInfo> {
  const room = await findRoom(app, roomId);
  if (!room) throw notFound(`Unknown room ${roomId}`);
  return room;
}

/** What the user has to do with the room now; undefined for nothing at all, ever. */
export async function placeOf(app: CachesApp, userId: string, room: RoomInfo): Promise<UserRoom | undefined> {
  return (await app.caches.memberships.ofUser(userId)).get(room.nid);
}

export async function isJoined(app: CachesApp, userId: string, room: RoomInfo): Promise<boolean> {
  return (await placeOf(app, userId, room))?.membership === "join";
}

/** 403 M_FORBIDDEN unless the user is joined to the room. Rooms that do not exist look the same, so that nobody can probe for them. */
export async function requireJoined(app: CachesApp, userId: string, roomId: string): Promise<RoomInfo> {
  const room = await findRoom(app, roomId);
  if (!room || !(await isJoined(app, userId, room))) throw forbidden(`User ${userId} not in room ${roomId}`);
  return room;
}

/** One event of the current state. */
export async function currentEvent(app: CachesApp, room: RoomInfo, type: string, stateKey = ""): Promise<StoredEvent | undefined> {
  return app.caches.roomState.event(room.nid, type, stateKey);
}

/**
 * As currentEvent, of a type that is asked for with every event: a key that does not exist would be looked for in the database each time,
 * so it is made to exist.
 */
export async function oftenAskedEvent({ caches }: CachesApp, room: RoomInfo, type: string): Promise<StoredEvent | undefined> {
  const [[key = 0], current] = await Promise.all([caches.stateKeys.intern([[type, ""]]), caches.roomState.current(room.nid)]);
  const nid = current && packedGet(current.state, key);
  return nid === undefined ? undefined : (await caches.events.byNids([nid])).get(nid);
}

/** The power levels that hold now. */
export async function currentLevels(app: CachesApp, room: RoomInfo): Promise<PowerLevels> {
  const current = await app.caches.roomState.current(room.nid);
  if (!current) throw notFound(`Unknown room ${room.roomId}`);
  const [levels, create] = await app.caches.roomState.pick(current.state, [
    ["m.room.power_levels", ""],
    ["m.room.create", ""],
  ]);
  return levelsFrom(room.version, levels?.shown, create?.shown);
}

/** 403 unless the user may send state events of this type. */
export async function requireLevelFor(app: CachesApp, userId: string, room: RoomInfo, type: string, message: string): Promise<void> {
  const levels = await currentLevels(app, room);
  if (levels.userLevel(userId) < levels.requiredFor(type, "state")) throw forbidden(message);
}
