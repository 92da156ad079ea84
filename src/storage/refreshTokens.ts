import type { Db } from "./db";

export interface RefreshTokenRow {
  readonly id: number;
  readonly userId: string;
  readonly deviceId: string;
  readonly expiresTs: number | null;
  readonly sessionExpiresTs: number | null;
  /** Whether the access token or the refresh token that replaced this one has been used. */
  readonly replaced: boolean;
  readonly deactivated: boolean;
}

export async function findRefreshToken(db: Db, tokenHash: Uint8Array): Promise<RefreshTokenRow | undefined> {
  const rows = await db<RefreshTokenRow>`
    select r.id, r.user_id as "userId", r.device_id as "deviceId", r.expires_ts as "expiresTs", r.session_expires_ts as "sessionExpiresTs",
           exists (select from refresh_tokens n where n.id = r.next_token_id
                   and (n.next_token_id is not null
                        or exists (select from access_tokens a where a.refresh_token_id = n.id and a.used))) as replaced,
           u.deactivated
    from refresh_tokens r join users u on u.user_id = r.user_id
    where r.token_hash = ${tokenHash}`;
  return rows[0];
}

export interface NewRefreshToken {
  readonly tokenHash: Uint8Array;
  readonly userId: string;
  readonly deviceId: string;
  readonly expiresTs: number | undefined;
  readonly sessionExpiresTs: number | undefined;
}

export async function insertRefreshToken(db: Db, token: NewRefreshToken): Promise<number> {
  const rows = await db<{ id: number }>`
    insert into refresh_tokens (token_hash, user_id, device_id, expires_ts, session_expires_ts)
    values (${token.tokenHash}, ${token.userId}, ${token.deviceId}, ${token.expiresTs ?? null}, ${token.sessionExpiresTs ?? null})
    returning id`;
  return rows[0]?.id ?? 0;
}

/**
 * Follows `previousId` by a new pair. A pair that followed it before but was never used (its answer was lost) is removed. Using a
 * refresh token also revokes the one before it. Gives undefined when `previousId` is gone meanwhile.
 */
export async function rotateRefreshToken(
  db: Db,
  previousId: number,
  next: NewRefreshToken & { readonly accessTokenHash: Uint8Array; readonly accessValidUntilTs: number | undefined },
): Promise<{ accessTokenId: number; lostTokenIds: number[] } | undefined> {
  const rows = await db<{ accessTokenId: number; lostTokenIds: number[] | null }>`
    with previous as (
      select id, next_token_id from refresh_tokens where id = ${previousId} for update
    ), fresh as (
      insert into refresh_tokens (token_hash, user_id, device_id, expires_ts, session_expires_ts)
      select ${next.tokenHash}::bytea, ${next.userId}, ${next.deviceId}, ${next.expiresTs ?? null}::int8, ${next.sessionExpiresTs ?? null}::int8
      from previous returning id
    ), moved as (
      update refresh_tokens set next_token_id = (select id from fresh) where id in (select id from previous)
    ), access as (
      insert into access_tokens (token_hash, user_id, device_id, valid_until_ts, refresh_token_id, used)
      select ${next.accessTokenHash}::bytea, ${next.userId}, ${next.deviceId}, ${next.accessValidUntilTs ?? null}::int8, id, false
      from fresh returning id
    ), lost_access as (
      delete from access_tokens where refresh_token_id in (select next_token_id from previous) returning id
    ), lost as (
      delete from refresh_tokens where id in (select next_token_id from previous) or next_token_id = ${previousId}
    )
    select id as "accessTokenId", (select array_agg(id) from lost_access) as "lostTokenIds" from access`;
  const row = rows[0];
  return row && { accessTokenId: row.accessTokenId, lostTokenIds: row.lostTokenIds ?? [] };
}
