import type { RoomInfo } from "../../caches/rooms";
import type { JsonObject } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { fitsId } from "../../rooms/ids";
import { getRooms, setRoomPublic } from "../../storage/rooms";
import type { App } from "../app";
import { copyPushRules } from "../push/rules";
import { carryOverAccountData } from "../tags";
import { currentEvent, placeOf } from "./access";
import { handOverAliases } from "./aliases";

/** The room that a create event says it takes the place of. */
export function predecessorOf(create: JsonObject): string | undefined {
  const predecessor = own(create, "predecessor");
  const roomId = isJsonObject(predecessor) ? own(predecessor, "room_id") : undefined;
  return typeof roomId === "string" && roomId.startsWith("!") && fitsId(roomId) ? roomId : undefined;
}

/** What a user set up for a room goes with them to the one that takes its place: tags, direct chats, push rules. */
export async function carryOver(app: App, userId: string, oldRoomId: string, newRoomId: string): Promise<void> {
  await Promise.all([carryOverAccountData(app, userId, oldRoomId, newRoomId), copyPushRules(app, userId, oldRoomId, newRoomId)]);
}

/** Local aliases and the entry in the directory go with a room, too. */
export async function moveListing(app: Pick<App, "db" | "streams">, old: RoomInfo, replacement: RoomInfo): Promise<void> {
  await handOverAliases(app, old.roomId, replacement.roomId);
  const [row] = await getRooms(app.db, [old.roomId]);
  if (!row?.isPublic) return;
  await Promise.all([setRoomPublic(app.db, replacement.nid, true), setRoomPublic(app.db, old.nid, false)]);
}

/**
 * To be called when a local user has come into a room. Where it takes the place of one that they were in, what is theirs follows them, and
 * what is this server's, if the old room agrees. Failures are logged: they must not fail the join.
 */
export async function followUpgrade(app: App, userId: string, room: RoomInfo): Promise<void> {
  try {
    const create = await currentEvent(app, room, "m.room.create");
    const oldRoomId = create && predecessorOf(create.shown.content);
    const old = oldRoomId === undefined ? undefined : await app.caches.rooms.byId(oldRoomId);
    if (!old || !(await placeOf(app, userId, old))) return;
    const tombstone = await currentEvent(app, old, "m.room.tombstone");
    // Anybody can make a room that claims to be the successor of another.
    if (own(tombstone?.shown.content ?? {}, "replacement_room") === room.roomId) await moveListing(app, old, room);
    await carryOver(app, userId, old.roomId, room.roomId);
  } catch (error) {
    app
      .log("synapse.handlers.room_member")
      .warn(`Cannot carry over what ${userId} had set up for the predecessor of ${room.roomId}`, { error });
  }
}
