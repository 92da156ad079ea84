import type { UserRoom } from "../../caches/memberships";
import type { StreamToken } from "../../lib/streamToken";
import { wholeRoomsBetween } from "../../storage/partialRooms";
import type { App } from "../app";

type Position = Pick<StreamToken, "un_partial_stated_room">;

/**
 * Rooms without all of their members, as of a position that this process has reached. Call it after the memberships have been read that it
 * is asked about.
 */
export async function partialRoomsAt(app: Pick<App, "caches">, now: Position): Promise<(place: UserRoom) => boolean> {
  const rooms = await app.caches.partialRooms.all();
  return ({ roomNid, membership }) => {
    const room = membership === "join" ? rooms.get(roomNid) : undefined;
    return room !== undefined && (room.fullAt === null || room.fullAt > now.un_partial_stated_room);
  };
}

const none: Promise<ReadonlySet<number>> = Promise.resolve(new Set());

/** Rooms that became whole between two tokens, by number. */
export function wholeRoomsSince(app: Pick<App, "db">, since: Position | undefined, now: Position): Promise<ReadonlySet<number>> {
  if (!since || since.un_partial_stated_room >= now.un_partial_stated_room) return none;
  const rows = wholeRoomsBetween(app.db, since.un_partial_stated_room, now.un_partial_stated_room);
  return rows.then((found) => new Set(found.map(({ row }) => row.roomNid)));
}
