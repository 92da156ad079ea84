import type { JsonObject } from "../lib/json";
import type { Db } from "./db";

export interface ProfileRow {
  readonly userId: string;
  readonly displayname: string | null;
  readonly avatarUrl: string | null;
  readonly fields: JsonObject;
}

export async function getProfiles(db: Db, userIds: readonly string[]): Promise<ProfileRow[]> {
  return db<ProfileRow>`
    select user_id as "userId", displayname, avatar_url as "avatarUrl", fields from profiles where user_id = any(${userIds}::text[])`;
}

export async function setDisplayName(db: Db, userId: string, displayname: string | null): Promise<void> {
  await db`
    insert into profiles (user_id, displayname) values (${userId}, ${displayname})
    on conflict (user_id) do update set displayname = excluded.displayname`;
}

export async function setAvatarUrl(db: Db, userId: string, avatarUrl: string | null): Promise<void> {
  await db`
    insert into profiles (user_id, avatar_url) values (${userId}, ${avatarUrl})
    on conflict (user_id) do update set avatar_url = excluded.avatar_url`;
}

/** value: JSON text. */
export async function setField(db: Db, userId: string, field: string, value: string): Promise<void> {
  await db`
    insert into profiles (user_id, fields) values (${userId}, jsonb_build_object(${field}::text, ${value}::text::jsonb))
    on conflict (user_id) do update set fields = profiles.fields || excluded.fields`;
}

export async function removeField(db: Db, userId: string, field: string): Promise<void> {
  await db`update profiles set fields = fields - ${field}::text where user_id = ${userId}`;
}
