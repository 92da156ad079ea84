import { hostOf } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { forbidden } from "../../errors";
import type { JsonObject, JsonValue } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { joinedUsersOf } from "../../storage/memberships";
import type { App } from "../app";
import { currentEvent, currentLevels } from "./access";

type RestrictedApp = Pick<App, "caches" | "db">;

/** The rooms whose members may join a restricted room; undefined where its join rule is another one. */
export function allowedRooms(room: RoomInfo, joinRules: JsonObject | undefined): readonly string[] | undefined {
  const rule = joinRules && own(joinRules, "join_rule");
  const restricted =
    (rule === "restricted" && room.version.auth.restrictedJoins) || (rule === "knock_restricted" && room.version.auth.knockRestricted);
  if (!joinRules || !restricted) return undefined;
  const allow = own(joinRules, "allow");
  return Array.isArray(allow) ? allow.flatMap(roomOfCondition) : [];
}

function roomOfCondition(condition: JsonValue): string[] {
  if (!isJsonObject(condition) || condition["type"] !== "m.room_membership") return [];
  const roomId = condition["room_id"];
  return typeof roomId === "string" ? [roomId] : [];
}

export async function isJoinedToAny(app: Pick<App, "caches">, userId: string, roomIds: readonly string[]): Promise<boolean> {
  const places = await app.caches.memberships.ofUser(userId);
  for (const place of places.values()) if (place.membership === "join" && roomIds.includes(place.roomId)) return true;
  return false;
}

/** How a join is vouched for: by a member of this server, or by one of other servers, which then have to be asked. */
export type Approval = { readonly by: string } | { readonly hosts: readonly string[] };

/**
 * For a join that a restricted room's rule must allow: who can vouch for it, which takes the power to invite. Undefined where no such
 * approval is needed. Throws 403 where the joiner is in none of the rooms (MSC3083), or nobody may invite.
 */
export async function approvalOf(
  app: RestrictedApp,
  room: RoomInfo,
  userId: string,
  membership: string | undefined,
): Promise<Approval | undefined> {
  const joinRules = await currentEvent(app, room, "m.room.join_rules");
  const allowed = allowedRooms(room, joinRules?.shown.content);
  if (!allowed || membership === "invite" || membership === "join") return undefined;
  if (!(await isJoinedToAny(app, userId, allowed)))
    throw forbidden("You do not belong to any of the required rooms/spaces to join this room.");
  const [levels, members] = await Promise.all([currentLevels(app, room), app.caches.memberships.ofRoom(room.nid)]);
  for (const member of members.local.keys()) if (levels.userLevel(member) >= levels.invite) return { by: member };
  const joined = (await joinedUsersOf(app.db, [room.nid])).get(room.nid) ?? [];
  const hosts = new Set(joined.filter((member) => levels.userLevel(member) >= levels.invite).map(hostOf));
  if (hosts.size === 0) throw forbidden("No member of the room could invite you");
  return { hosts: [...hosts] };
}
