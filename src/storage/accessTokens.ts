import type { Db } from "./db";

/** What a token says about a request: its own row and the flags of the account. */
export interface TokenOwner {
  readonly tokenId: number;
  readonly userId: string;
  readonly deviceId: string | null;
  readonly validUntilTs: number | null;
  readonly issuedBy: string | null;
  readonly refreshTokenId: number | null;
  readonly used: boolean;
  readonly isGuest: boolean;
  readonly admin: boolean;
  readonly deactivated: boolean;
  readonly locked: boolean;
  readonly suspended: boolean;
  readonly shadowBanned: boolean;
  readonly approved: boolean;
  readonly appserviceId: string | null;
  readonly expiresTs: number | null;
  readonly userType: string | null;
  readonly createdTs: number;
  readonly messagesPerSecond: number | null;
  readonly burstCount: number | null;
}

export async function findTokenOwners(db: Db, hashes: readonly Uint8Array[]): Promise<TokenOwner[]> {
  return db<TokenOwner>`
    select t.id as "tokenId", t.user_id as "userId", t.device_id as "deviceId", t.valid_until_ts as "validUntilTs",
           t.issued_by as "issuedBy", t.refresh_token_id as "refreshTokenId", t.used, u.is_guest as "isGuest", u.admin, u.deactivated,
           u.locked, u.suspended, u.shadow_banned as "shadowBanned", u.approved, u.appservice_id as "appserviceId",
           u.expires_ts as "expiresTs", u.user_type as "userType", u.created_ts as "createdTs",
           u.messages_per_second as "messagesPerSecond", u.burst_count as "burstCount"
    from access_tokens t join users u on u.user_id = t.user_id
    where t.token_hash = any(${hashes}::bytea[])`;
}

export interface NewAccessToken {
  readonly tokenHash: Uint8Array;
  readonly userId: string;
  readonly deviceId: string | undefined;
  readonly validUntilTs: number | undefined;
  readonly issuedBy: string | undefined;
  readonly refreshTokenId: number | undefined;
}

/** Gives the id of the token. One that comes with a refresh token counts as unused until it is presented. */
export async function insertAccessToken(db: Db, token: NewAccessToken): Promise<number> {
  const rows = await db<{ id: number }>`
    insert into access_tokens (token_hash, user_id, device_id, valid_until_ts, issued_by, refresh_token_id, used)
    values (${token.tokenHash}, ${token.userId}, ${token.deviceId ?? null}, ${token.validUntilTs ?? null}, ${token.issuedBy ?? null},
            ${token.refreshTokenId ?? null}, ${token.refreshTokenId === undefined})
    returning id`;
  return rows[0]?.id ?? 0;
}

/** Marks the token as presented and revokes the refresh token that it came from (specification: Refreshing access tokens). */
export async function markTokenUsed(db: Db, tokenId: number, refreshTokenId: number): Promise<void> {
  await db`
    with used as (update access_tokens set used = true where id = ${tokenId} and not used)
    delete from refresh_tokens where next_token_id = ${refreshTokenId}`;
}

/** Removes one access token, with the refresh token beside it. */
export async function deleteAccessToken(db: Db, tokenId: number): Promise<void> {
  await db`
    with gone as (delete from access_tokens where id = ${tokenId} returning refresh_token_id)
    delete from refresh_tokens where id in (select refresh_token_id from gone)`;
}

/**
 * Removes all access and refresh tokens of a user, or those of some devices. `exceptTokenId` stays, and its refresh token.
 * Gives the ids of the access tokens that went.
 */
export async function deleteTokens(
  db: Db,
  userId: string,
  which: { readonly deviceIds?: readonly string[]; readonly exceptTokenId?: number },
): Promise<number[]> {
  const everyDevice = which.deviceIds === undefined;
  const devices = which.deviceIds ?? [];
  const rows = await db<{ id: number }>`
    with gone as (
      delete from access_tokens
      where user_id = ${userId} and (${everyDevice} or device_id = any(${devices}::text[])) and id <> ${which.exceptTokenId ?? -1}
      returning id
    ), refresh as (
      delete from refresh_tokens
      where user_id = ${userId} and (${everyDevice} or device_id = any(${devices}::text[]))
        and id not in (select refresh_token_id from access_tokens where id = ${which.exceptTokenId ?? -1} and refresh_token_id is not null)
    )
    select id from gone`;
  return rows.map((row) => row.id);
}

export async function getLastValidated(db: Db, tokenId: number): Promise<number | undefined> {
  const rows = await db<{ ts: number | null }>`select last_validated_ts as ts from access_tokens where id = ${tokenId}`;
  return rows[0]?.ts ?? undefined;
}

export async function setLastValidated(db: Db, tokenId: number, ts: number): Promise<void> {
  await db`update access_tokens set last_validated_ts = ${ts} where id = ${tokenId}`;
}

/**
 * Removes expired access tokens that were replaced by a later one of the same device. The last of a device stays, so that its
 * holder is told to log in softly and keeps the keys.
 */
export async function deleteSupersededTokens(db: Db, now: number, limit: number): Promise<number> {
  const rows = await db`
    delete from access_tokens where id in (
      select t.id from access_tokens t
      where t.valid_until_ts < ${now}
        and exists (select from access_tokens n where n.user_id = t.user_id and n.device_id = t.device_id and n.id > t.id and n.used)
      limit ${limit})
    returning id`;
  return rows.length;
}
