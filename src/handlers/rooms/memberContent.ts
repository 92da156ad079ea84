import type { JsonObject } from "../../lib/json";
import { hostOf } from "../../caches/memberships";
import { getProfiles } from "../../storage/profiles";
import type { App } from "../app";

/** The profile fields that a member event carries. Remote users' profiles are not known here. */
export async function profileFields(app: Pick<App, "db" | "serverName">, userId: string): Promise<JsonObject> {
  if (hostOf(userId) !== app.serverName) return {};
  const [profile] = await getProfiles(app.db, [userId]);
  return {
    ...(profile?.displayname && { displayname: profile.displayname }),
    ...(profile?.avatarUrl && { avatar_url: profile.avatarUrl }),
  };
}
