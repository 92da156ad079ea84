import type { Db } from "./db";

export interface UserRow {
  readonly userId: string;
  readonly createdTs: number;
  readonly isGuest: boolean;
  readonly admin: boolean;
  readonly userType: string | null;
  readonly appserviceId: string | null;
  readonly deactivated: boolean;
  readonly erased: boolean;
  readonly locked: boolean;
  readonly suspended: boolean;
  readonly shadowBanned: boolean;
  readonly approved: boolean;
  /** The version of the policy that the user agreed to, and that they were asked to agree to. */
  readonly consentVersion: string | null;
  readonly consentNoticeVersion: string | null;
  readonly expiresTs: number | null;
  readonly hasPassword: boolean;
  /** The user's own limit of actions; null: as everybody. */
  readonly messagesPerSecond: number | null;
  readonly burstCount: number | null;
}

export async function getUsers(db: Db, userIds: readonly string[]): Promise<UserRow[]> {
  return db<UserRow>`
    select user_id as "userId", created_ts as "createdTs", is_guest as "isGuest", admin, user_type as "userType",
           appservice_id as "appserviceId", deactivated, erased, locked, suspended, shadow_banned as "shadowBanned", approved,
           consent_version as "consentVersion", consent_notice_version as "consentNoticeVersion", expires_ts as "expiresTs", password_hash is not null as "hasPassword",
           messages_per_second as "messagesPerSecond", burst_count as "burstCount"
    from users where user_id = any(${userIds}::text[])`;
}

export async function getUser(db: Db, userId: string): Promise<UserRow | undefined> {
  return (await getUsers(db, [userId]))[0];
}

/**
 * The ids that equal `userId` when capitals do not count, with their password hashes: the exact one first. Accounts with
 * capitals in their id are historical; people who type their name with a capital are not.
 */
export async function findPasswords(
  db: Db,
  userId: string,
): Promise<{ userId: string; passwordHash: string | null; deactivated: boolean }[]> {
  return db`
    select user_id as "userId", password_hash as "passwordHash", deactivated from users
    where user_id in (${userId}, lower(${userId}))
    union
    select user_id, password_hash, deactivated from users where lower(user_id) = lower(${userId}) and user_id <> lower(user_id)
    order by 1`;
}

/** undefined takes the password away. */
export async function setPasswordHash(db: Db, userId: string, passwordHash: string | undefined): Promise<void> {
  await db`update users set password_hash = ${passwordHash ?? null} where user_id = ${userId}`;
}

/** Gives whether there was an active account. Everything that hangs on the account is the caller's to remove. */
export async function markDeactivated(db: Db, userId: string, erase: "erase" | "keep"): Promise<boolean> {
  const rows = await db`
    update users set deactivated = true, password_hash = null, erased = erased or ${erase === "erase"},
      renewal_token = null, expires_ts = null
    where user_id = ${userId} returning user_id`;
  return rows.length > 0;
}

/** The account can be used again, once it has a password. What was taken from it stays away. Gives whether there was one. */
export async function markActive(db: Db, userId: string): Promise<boolean> {
  const rows = await db`update users set deactivated = false, erased = false where user_id = ${userId} returning user_id`;
  return rows.length > 0;
}

/** Whose accounts were erased. */
export async function getErasedUsers(db: Db): Promise<string[]> {
  const rows = await db<{ userId: string }>`select user_id as "userId" from users where erased`;
  return rows.map(({ userId }) => userId);
}

/** Forgets name, avatar and all fields of an account that is erased. */
export async function clearProfile(db: Db, userId: string): Promise<void> {
  await db`update profiles set displayname = null, avatar_url = null, fields = '{}' where user_id = ${userId}`;
}

export interface UserFlags {
  readonly admin?: boolean;
  readonly locked?: boolean;
  readonly suspended?: boolean;
  readonly shadowBanned?: boolean;
  readonly approved?: boolean;
  readonly userType?: string | null;
  readonly expiresTs?: number | null;
}

/** Sets the flags that are given and leaves the others. The caller publishes an account change afterwards. */
export async function setUserFlags(db: Db, userId: string, flags: UserFlags): Promise<boolean> {
  const rows = await db`
    update users set
      admin = coalesce(${flags.admin ?? null}::bool, admin),
      locked = coalesce(${flags.locked ?? null}::bool, locked),
      suspended = coalesce(${flags.suspended ?? null}::bool, suspended),
      shadow_banned = coalesce(${flags.shadowBanned ?? null}::bool, shadow_banned),
      approved = coalesce(${flags.approved ?? null}::bool, approved),
      user_type = case when ${flags.userType === undefined} then user_type else ${flags.userType ?? null}::text end,
      expires_ts = case when ${flags.expiresTs === undefined} then expires_ts else ${flags.expiresTs ?? null}::int8 end
    where user_id = ${userId} returning user_id`;
  return rows.length > 0;
}

/** Notes to which version of the policy a user agreed. Gives whether there is such a user. */
export async function setConsent(db: Db, userId: string, version: string, ts: number): Promise<boolean> {
  const rows = await db`update users set consent_version = ${version}, consent_ts = ${ts} where user_id = ${userId} returning user_id`;
  return rows.length > 0;
}

/** Notes to which version of the policy a user was asked to agree. */
export async function setConsentNoticed(db: Db, userId: string, version: string): Promise<void> {
  await db`update users set consent_notice_version = ${version} where user_id = ${userId}`;
}

/** The next number for an account without a chosen name. Never the same twice. */
export async function nextUserNumber(db: Db): Promise<number> {
  const rows = await db<{ n: number }>`select nextval('user_number_seq') as n`;
  return rows[0]?.n ?? 0;
}

/** Keeps others who call this from the user until the transaction ends. */
export async function holdUser(tx: Db, userId: string): Promise<void> {
  await tx`select 1 from users where user_id = ${userId} for no key update`;
}
