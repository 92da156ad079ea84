import { MatrixError, badJson, forbidden, notFound } from "../errors";
import { hostOf } from "../caches/memberships";
import type { JsonObject, JsonValue } from "../lib/json";
import { own } from "../lib/json";
import { isUserId } from "../rooms/ids";
import { getProfiles, removeField, setAvatarUrl, setDisplayName, setField } from "../storage/profiles";
import type { ProfileRow } from "../storage/profiles";
import { getUser } from "../storage/users";
import { changeAccounts } from "../writers/accountChanges";
import { sendIntent } from "../writers/intents";
import type { App } from "./app";
import { checkAvatar } from "./media/avatars";
import { askProfile } from "./federation/remoteQueries";
import { sendEvent } from "./rooms/sendEvent";
import type { Requester } from "./requester";

const MAX_DISPLAYNAME = 256;
const MAX_AVATAR_URL = 1000;
const MAX_PROFILE_BYTES = 65_536;
const MAX_FIELD_NAME_BYTES = 255;

/** The whole profile as clients see it; only what is set. */
export async function readProfile(app: App, requester: Requester | undefined, userId: string): Promise<JsonObject> {
  await checkReader(app, requester, userId);
  if (isUserId(userId) && hostOf(userId) !== app.serverName) return askProfile(app, userId);
  return ownProfile(app, userId);
}

/** The profile of a user of this server. */
export async function ownProfile(app: Pick<App, "db" | "serverName">, userId: string): Promise<JsonObject> {
  const profile = await requireProfile(app, userId);
  return {
    ...(profile.displayname !== null && { displayname: profile.displayname }),
    ...(profile.avatarUrl !== null && { avatar_url: profile.avatarUrl }),
    ...profile.fields,
  };
}

/** One field: `displayname`, `avatar_url`, or one of a user's own (client-server API, "Profiles"). 404 where it is not set. */
export async function readProfileField(app: App, requester: Requester | undefined, userId: string, field: string): Promise<JsonObject> {
  const profile = await readProfile(app, requester, userId);
  const value = own(profile, field);
  if (value === undefined) {
    // Older clients take the absence of a name for the absence of a user.
    if (field === "displayname" || field === "avatar_url") return {};
    throw notFound("No such profile field");
  }
  return { [field]: value };
}

async function requireProfile(app: Pick<App, "db" | "serverName">, userId: string): Promise<ProfileRow> {
  if (!isUserId(userId)) throw new MatrixError(400, "M_INVALID_PARAM", "Not a user id");
  if (hostOf(userId) !== app.serverName) throw notFound("Profile was not found");
  const [profile] = await getProfiles(app.db, [userId]);
  if (!profile) throw notFound("Profile was not found");
  return profile;
}

/** Profiles may be kept from strangers (`require_auth_for_profile_requests`, `limit_profile_requests_to_users_who_share_rooms`). */
async function checkReader(app: App, requester: Requester | undefined, userId: string): Promise<void> {
  const { require_auth_for_profile_requests: authNeeded, limit_profile_requests_to_users_who_share_rooms: limited } = app.config;
  if (!authNeeded) return;
  if (!requester) throw new MatrixError(401, "M_MISSING_TOKEN", "Missing access token");
  if (!limited || requester.userId === userId) return;
  const [mine, theirs] = await Promise.all([app.caches.memberships.ofUser(requester.userId), app.caches.memberships.ofUser(userId)]);
  for (const place of mine.values()) if (place.membership === "join" && theirs.get(place.roomNid)?.membership === "join") return;
  throw forbidden("Profile isn't available");
}

/** Sets a field of a profile; undefined takes it away. A new name or picture goes into the user's rooms in the background. */
export async function changeProfile(
  app: App,
  requester: Requester,
  userId: string,
  field: string,
  value: JsonValue | undefined,
): Promise<void> {
  await checkWriter(app, requester, userId, field);
  if (field === "displayname" || field === "avatar_url") {
    const text = textOf(field, value);
    if (field === "avatar_url" && text !== null) await checkAvatar(app, text);
    await changeAccounts(app, async (tx) => ({
      value: await (field === "displayname" ? setDisplayName : setAvatarUrl)(tx, userId, text),
      accounts: [{ userId, what: "profile" }],
    }));
    if (!requester.shadowBanned) app.background("update_join_states", () => propagate(app, userId));
    return;
  }
  if (Buffer.byteLength(field) > MAX_FIELD_NAME_BYTES) throw new MatrixError(400, "M_KEY_TOO_LARGE", "Field name too long");
  if (value === undefined) return removeField(app.db, userId, field);
  const [profile] = await getProfiles(app.db, [userId]);
  const size = Buffer.byteLength(JSON.stringify({ ...profile?.fields, [field]: value }));
  if (size > MAX_PROFILE_BYTES) throw new MatrixError(400, "M_PROFILE_TOO_LARGE", "Profile too large");
  await setField(app.db, userId, field, JSON.stringify(value));
}

async function checkWriter(app: App, requester: Requester, userId: string, field: string): Promise<void> {
  if (hostOf(userId) !== app.serverName) throw new MatrixError(400, "M_UNKNOWN", "User is not hosted on this homeserver");
  if (userId !== requester.userId && !requester.isAdmin) throw forbidden("Cannot set another user's profile");
  if (!(await getUser(app.db, userId))) throw notFound("User was not found");
  if (requester.isAdmin) return;
  if (field === "displayname" && !app.config.enable_set_displayname) throw forbidden("Changing display name is disabled on this server");
  if (field === "avatar_url" && !app.config.enable_set_avatar_url) throw forbidden("Changing avatar is disabled on this server");
}

/** An empty text, and null, take the field away. */
function textOf(field: string, value: JsonValue | undefined): string | null {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value !== "string") throw badJson(`${field} must be a string`);
  const max = field === "displayname" ? MAX_DISPLAYNAME : MAX_AVATAR_URL;
  if (value.length > max) throw new MatrixError(400, "M_UNKNOWN", `${field} is too long (max ${max})`);
  if (value.includes("\u0000")) throw badJson(`${field} must not contain NUL`);
  return value;
}

/** Rooms whose member events are sent together. */
const CHUNK = 100;

/** Puts the profile as it is now into the user's member event in every room that they are joined to. */
async function propagate(app: App, userId: string): Promise<void> {
  const [profile] = await getProfiles(app.db, [userId]);
  const places = [...(await app.caches.memberships.ofUser(userId)).values()].filter((place) => place.membership === "join");
  for (let i = 0; i < places.length; i += CHUNK) {
    const chunk = places.slice(i, i + CHUNK);
    const members = await app.caches.events.byNids(chunk.map((place) => place.eventNid));
    const intents = chunk.map((place) => {
      const {
        displayname: _name,
        avatar_url: _avatar,
        join_authorised_via_users_server: _via,
        ...rest
      } = members.get(place.eventNid)?.shown.content ?? {};
      const content: JsonObject = {
        ...rest,
        membership: "join",
        ...(profile?.displayname && { displayname: profile.displayname }),
        ...(profile?.avatarUrl && { avatar_url: profile.avatarUrl }),
      };
      return sendIntent({ roomId: place.roomId, sender: userId, type: "m.room.member", content }, { stateKey: userId });
    });
    for (const outcome of await Promise.allSettled(intents.map((intent) => sendEvent(app, intent)))) {
      if (outcome.status === "fulfilled") continue;
      if (!(outcome.reason instanceof MatrixError)) throw outcome.reason;
      app.log("synapse.handlers.profile").warn(`Failed to update a member event of ${userId}: ${outcome.reason.message}`);
    }
  }
}
