import type { RoomInfo } from "../../caches/rooms";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { isUserId } from "../../rooms/ids";
import { sendEvent } from "../rooms/sendEvent";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { ownLimitOf, requesterFor } from "../requester";
import type { Requester } from "../requester";
import { currentEvent, currentLevels, findRoom, isJoined } from "../rooms/access";
import { changeMembership } from "../rooms/membership";
import { roomNamed } from "./namedRoom";
import { refuse, requireOwn } from "./targets";

/** Users who act on behalf of an administrator are not limited. */
const unlimited = (userId: string): Requester => requesterFor(userId, { ownLimit: ownLimitOf({ messagesPerSecond: 0, burstCount: 0 }) });

async function isPublic(app: App, room: RoomInfo | undefined): Promise<boolean> {
  const rules = room && (await currentEvent(app, room, "m.room.join_rules"));
  return own(rules?.shown.content ?? {}, "join_rule") === "public";
}

/** `POST /join/{roomIdOrAlias}`: brings a user into a room; into one that is not public the administrator must be able to invite. */
export async function bringIn(
  app: App,
  requester: Requester,
  name: string,
  { userId, via }: { readonly userId: string; readonly via: readonly string[] },
): Promise<string> {
  await requireOwn(app, userId, { foreign: "This endpoint can only be used with local users" });
  const { roomId, servers } = await roomNamed(app, name);
  const room = await findRoom(app, roomId);
  const change = { roomId, target: userId, exemptFromLimits: true };
  if (room && !(await isPublic(app, room))) await changeMembership(app, requester, { ...change, action: "invite" });
  await changeMembership(app, unlimited(userId), { ...change, action: "join", via: [...via, ...servers] });
  return roomId;
}

/** `POST /rooms/{roomIdOrAlias}/make_room_admin`: gives a user the power of the most powerful user of this server, and invites them. */
export async function makeRoomAdmin(app: App, name: string, userId: string): Promise<void> {
  if (!isUserId(userId)) throw refuse(`Not a valid user_id: ${userId.slice(0, 300)}`);
  const { roomId } = await roomNamed(app, name);
  const room = await findRoom(app, roomId);
  if (!room || (await app.caches.memberships.ofRoom(room.nid)).local.size === 0) throw refuse("Server not in room");
  const { admin, level } = await strongestOf(app, room);
  const old = await currentEvent(app, room, "m.room.power_levels");
  const content: JsonObject = { ...old?.shown.content };
  const users = own(content, "users");
  content["users"] = { ...(isJsonObject(users) ? users : {}), [userId]: level };
  await sendEvent(app, sendIntent({ roomId, sender: admin, type: "m.room.power_levels", content }, { stateKey: "" }));
  if ((await isJoined(app, userId, room)) || (await isPublic(app, room))) return;
  await changeMembership(app, unlimited(admin), { roomId, target: userId, action: "invite", exemptFromLimits: true });
}

const CREATORS_GIVE = 100;

/** Who of this server has most power in the room, and the highest level that they can give. 400 where nobody can give any. */
async function strongestOf(app: App, room: RoomInfo): Promise<{ admin: string; level: number }> {
  const [levels, { local }] = await Promise.all([currentLevels(app, room), app.caches.memberships.ofRoom(room.nid)]);
  let admin: string | undefined;
  for (const userId of local.keys()) {
    if (admin === undefined || levels.userLevel(userId) > levels.userLevel(admin)) admin = userId;
  }
  const level = admin === undefined ? 0 : levels.userLevel(admin);
  if (admin === undefined || level <= 0) throw refuse("No local admin user in room");
  if (level < levels.requiredFor("m.room.power_levels", "state")) {
    throw refuse("No local admin user in room with power to update power levels.");
  }
  return { admin, level: level === Infinity ? CREATORS_GIVE : level };
}
