import type { RoomInfo } from "../../caches/rooms";
import type { JsonObject } from "../../lib/json";
import { getRoomFaces } from "../../storage/roomFaces";
import type { RoomFaceRow } from "../../storage/roomFaces";
import type { App } from "../app";
import { currentEvent } from "../rooms/access";
import { allowedRooms } from "../rooms/restrictedJoins";

/** A room that somebody of this server is in, so that what is known of it is up to date. */
export interface LocalRoom {
  readonly room: RoomInfo;
  readonly face: RoomFaceRow;
  /** Rooms whose members may join, where the join rule says so. */
  readonly allowed: readonly string[];
}

type LocalApp = Pick<App, "caches" | "db">;

/** Those of the rooms that this server is in, by id. */
export async function localRooms(app: LocalApp, roomIds: readonly string[]): Promise<Map<string, LocalRoom>> {
  const [faces, rooms] = await Promise.all([getRoomFaces(app.db, roomIds), app.caches.rooms.byIds(roomIds)]);
  const found = await Promise.all(
    faces.map(async (face): Promise<LocalRoom | undefined> => {
      const room = rooms.get(face.roomId);
      return room && face.localMembers > 0 ? { room, face, allowed: await allowedOf(app, room, face) } : undefined;
    }),
  );
  return new Map(found.flatMap((local) => (local ? [[local.room.roomId, local]] : [])));
}

async function allowedOf(app: LocalApp, room: RoomInfo, { joinRule }: RoomFaceRow): Promise<readonly string[]> {
  if (joinRule !== "restricted" && joinRule !== "knock_restricted") return [];
  return allowedRooms(room, (await currentEvent(app, room, "m.room.join_rules"))?.shown.content) ?? [];
}

/** A room as summaries and hierarchies show it (client-server API, "RoomSummary"). */
export function summaryOf({ room, face, allowed }: LocalRoom): JsonObject {
  const summary: JsonObject = {
    room_id: room.roomId,
    name: face.name,
    topic: face.topic,
    canonical_alias: face.canonicalAlias,
    avatar_url: face.avatarUrl,
    room_type: face.roomType,
    encryption: face.encryption,
    join_rule: face.joinRule ?? "invite",
    num_joined_members: face.joinedMembers,
    world_readable: face.historyVisibility === "world_readable",
    guest_can_join: face.guestAccess === "can_join",
    room_version: room.version.id,
    ...(allowed.length > 0 && { allowed_room_ids: [...allowed] }),
  };
  for (const key of Object.keys(summary)) if (summary[key] === null) delete summary[key];
  return summary;
}
