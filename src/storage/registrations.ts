import type { Db } from "./db";

export interface NewUser {
  readonly userId: string;
  readonly passwordHash: string | undefined;
  readonly createdTs: number;
  readonly isGuest: boolean;
  readonly admin: boolean;
  readonly userType: string | undefined;
  readonly appserviceId: string | undefined;
  readonly approved: boolean;
  readonly expiresTs: number | undefined;
  readonly consentVersion: string | undefined;
  readonly displayname: string | undefined;
}

/** The first device of a new account, with its tokens. Durations are absolute, in ms. */
export interface NewSession {
  readonly deviceId: string;
  readonly deviceName: string | undefined;
  readonly tokenHash: Uint8Array;
  readonly validUntilTs: number | undefined;
  readonly refresh:
    { readonly tokenHash: Uint8Array; readonly expiresTs: number | undefined; readonly sessionExpiresTs: number | undefined } | undefined;
}

/**
 * Makes an account with its profile and, when given, its first device and token, in one statement and one commit.
 * Gives undefined when the id is taken. tokenId is 0 without a session.
 */
export async function insertUser(db: Db, user: NewUser, session: NewSession | undefined): Promise<{ tokenId: number } | undefined> {
  const s = session;
  const rows = await db<{ tokenId: number }>`
    with account as (
      insert into users (user_id, password_hash, created_ts, is_guest, admin, user_type, appservice_id, approved, expires_ts,
                         consent_version, consent_ts)
      values (${user.userId}, ${user.passwordHash ?? null}, ${user.createdTs}, ${user.isGuest}, ${user.admin}, ${user.userType ?? null},
              ${user.appserviceId ?? null}, ${user.approved}, ${user.expiresTs ?? null}, ${user.consentVersion ?? null},
              ${user.consentVersion === undefined ? null : user.createdTs})
      on conflict (user_id) do nothing returning user_id
    ), profile as (
      insert into profiles (user_id, displayname) select user_id, ${user.displayname ?? null}::text from account
      on conflict (user_id) do nothing
    ), device as (
      insert into devices (user_id, device_id, display_name, created_ts)
      select user_id, ${s?.deviceId ?? ""}::text, ${s?.deviceName ?? null}::text, ${user.createdTs}::int8 from account where ${s !== undefined}
    ), refresh as (
      insert into refresh_tokens (token_hash, user_id, device_id, expires_ts, session_expires_ts)
      select ${s?.refresh?.tokenHash ?? null}::bytea, user_id, ${s?.deviceId ?? ""}::text, ${s?.refresh?.expiresTs ?? null}::int8,
             ${s?.refresh?.sessionExpiresTs ?? null}::int8
      from account where ${s?.refresh !== undefined} returning id
    ), token as (
      insert into access_tokens (token_hash, user_id, device_id, valid_until_ts, refresh_token_id, used)
      select ${s?.tokenHash ?? null}::bytea, user_id, ${s?.deviceId ?? ""}::text, ${s?.validUntilTs ?? null}::int8,
             (select id from refresh), not ${s?.refresh !== undefined}::bool
      from account where ${s !== undefined} returning id
    )
    select coalesce((select id from token), 0)::int8 as "tokenId" from account`;
  return rows[0];
}

/** Turns a guest into a full account: only while it is a guest. Gives whether it was one. */
export async function upgradeGuest(db: Db, userId: string, passwordHash: string | undefined): Promise<boolean> {
  const rows = await db`
    update users set is_guest = false, password_hash = ${passwordHash ?? null} where user_id = ${userId} and is_guest returning user_id`;
  return rows.length > 0;
}
