import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, forbidden } from "../../errors";
import { own } from "../../lib/json";
import type { RoomEvent } from "../../rooms/event";
import { domainOf } from "../../rooms/ids";
import type { App } from "../app";
import { currentEvent, currentLevels, isJoined, placeOf } from "../rooms/access";
import { allowedRooms } from "../rooms/restrictedJoins";

type RestrictedApp = Pick<App, "caches" | "serverName">;

/**
 * The member of this server in whose name a user of another server may join a restricted room (server-server API, "Restricted rooms");
 * undefined where the join needs nobody. Throws 403 where the user is in none of the rooms that count, 400 M_UNABLE_TO_AUTHORISE_JOIN where
 * we cannot know, 400 M_UNABLE_TO_GRANT_JOIN where none of our members may invite.
 */
export async function approvingUser(app: RestrictedApp, room: RoomInfo, userId: string): Promise<string | undefined> {
  const [joinRules, place] = await Promise.all([currentEvent(app, room, "m.room.join_rules"), placeOf(app, userId, room)]);
  const allowed = allowedRooms(room, joinRules?.shown.content);
  if (!allowed || place?.membership === "invite" || place?.membership === "join") return undefined;
  await requireInAny(app, userId, allowed);
  const [levels, members] = await Promise.all([currentLevels(app, room), app.caches.memberships.ofRoom(room.nid)]);
  for (const member of members.local.keys()) if (levels.userLevel(member) >= levels.invite) return member;
  throw new MatrixError(400, "M_UNABLE_TO_GRANT_JOIN", "Unable to find a user which could issue an invite");
}

/** Only of rooms that we are in do we know who else is, once their members have come. */
async function requireInAny(app: RestrictedApp, userId: string, roomIds: readonly string[]): Promise<void> {
  const rooms = await app.caches.rooms.byIds(roomIds);
  const members = await app.caches.memberships.ofRooms([...rooms.values()].map(({ nid }) => nid));
  const ours = [...rooms.values()].filter(({ nid }) => (members.get(nid)?.local.size ?? 0) > 0);
  for (const room of ours) if (await isJoined(app, userId, room)) return;
  const partial = await Promise.all(ours.map(({ nid }) => app.caches.partialRooms.has(nid)));
  if (ours.length < roomIds.length || partial.includes(true))
    throw new MatrixError(400, "M_UNABLE_TO_AUTHORISE_JOIN", "Not all members are known of the rooms whose members may join");
  throw forbidden("You do not belong to any of the required rooms/spaces to join this room.");
}

/** Whether a join wants our signature, as one that a member of ours vouches for. */
export function wantsApproval(app: Pick<App, "serverName">, { version, content }: RoomEvent): boolean {
  const via = own(content, "join_authorised_via_users_server");
  return version.auth.restrictedJoins && typeof via === "string" && domainOf(via) === app.serverName;
}
