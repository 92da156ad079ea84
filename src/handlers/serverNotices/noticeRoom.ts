import type { Config } from "../../config/config";
import type { JsonObject } from "../../lib/json";
import { getProfiles, setAvatarUrl, setDisplayName } from "../../storage/profiles";
import { sendEvent } from "../../writers/eventsRpc";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { requesterFor } from "../requester";
import { currentEvent, findRoom, isJoined } from "../rooms/access";
import { createRoom } from "../rooms/createRoom";
import { profileFields } from "../rooms/memberContent";
import { changeMembership } from "../rooms/membership";
import { setTag } from "../tags";
import { noticeRoomOf } from "./noticeUser";

export const NOTICE_TAG = "m.server_notice";

type NoticeSettings = NonNullable<Config["server_notices"]>;

/** The room in which the server speaks to a user, who is in it or invited to it afterwards. */
export async function provideNoticeRoom(app: App, settings: NoticeSettings, system: string, userId: string): Promise<string> {
  await keepProfile(app, settings, system);
  const known = await noticeRoomOf(app, system, userId);
  const roomId = known ?? (await makeNoticeRoom(app, settings, system, userId));
  if (known !== undefined) await refreshMember(app, system, roomId);
  const place = [...(await app.caches.memberships.ofUser(userId)).values()].find((each) => each.roomId === roomId);
  if (place?.membership === "join" || (place?.membership === "invite" && !settings.auto_join)) return roomId;
  const change = { roomId, target: userId, exemptFromLimits: true };
  if (place?.membership !== "invite") await changeMembership(app, requesterFor(system), { ...change, action: "invite" });
  if (settings.auto_join) await changeMembership(app, requesterFor(userId), { ...change, action: "join" });
  return roomId;
}

async function makeNoticeRoom(app: App, settings: NoticeSettings, system: string, userId: string): Promise<string> {
  const { room_name: name, room_topic: topic, room_avatar_url: avatar } = settings;
  const { roomId } = await createRoom(app, requesterFor(system), {
    preset: "private_chat",
    name,
    ...(topic !== undefined && { topic }),
    ...(avatar !== undefined && { initialState: [{ type: "m.room.avatar", content: { url: avatar } }] }),
    // Nobody answers.
    powerLevelContentOverride: { users_default: -10 },
  });
  await setTag(app, requesterFor(userId), { userId, roomId, tag: NOTICE_TAG }, {});
  return roomId;
}

/** The system user has no account, but a profile. */
async function keepProfile(app: App, settings: NoticeSettings, system: string): Promise<void> {
  const { system_mxid_display_name: name, system_mxid_avatar_url: avatar } = settings;
  const [profile] = await getProfiles(app.db, [system]);
  if (profile?.displayname !== name) await setDisplayName(app.db, system, name);
  if ((profile?.avatarUrl ?? undefined) !== avatar) await setAvatarUrl(app.db, system, avatar ?? null);
}

/** After a change of the configuration. */
async function refreshMember(app: App, system: string, roomId: string): Promise<void> {
  const room = await findRoom(app, roomId);
  if (!room || !(await isJoined(app, system, room))) return;
  const shown = (await currentEvent(app, room, "m.room.member", system))?.shown.content;
  const wanted: JsonObject = { ...(await profileFields(app, system)), membership: "join" };
  if (shown?.["displayname"] === wanted["displayname"] && shown?.["avatar_url"] === wanted["avatar_url"]) return;
  await sendEvent(app, sendIntent({ roomId, sender: system, type: "m.room.member", content: wanted }, { stateKey: system }));
}
