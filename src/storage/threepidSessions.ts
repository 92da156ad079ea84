import type { Db } from "./db";

export interface ThreepidSessionRow {
  readonly sessionId: string;
  readonly clientSecret: string;
  readonly medium: string;
  readonly address: string;
  readonly lastSendAttempt: number;
  readonly validatedAt: number | null;
}

export async function findThreepidSession(
  db: Db,
  key: { readonly medium: string; readonly address: string; readonly clientSecret: string },
): Promise<ThreepidSessionRow | undefined> {
  const rows = await db<ThreepidSessionRow>`
    select session_id as "sessionId", client_secret as "clientSecret", medium, address, last_send_attempt as "lastSendAttempt",
           validated_at as "validatedAt"
    from threepid_validation_sessions
    where medium = ${key.medium} and address = ${key.address} and client_secret = ${key.clientSecret}`;
  return rows[0];
}

export async function getThreepidSession(db: Db, sessionId: string): Promise<ThreepidSessionRow | undefined> {
  const rows = await db<ThreepidSessionRow>`
    select session_id as "sessionId", client_secret as "clientSecret", medium, address, last_send_attempt as "lastSendAttempt",
           validated_at as "validatedAt"
    from threepid_validation_sessions where session_id = ${sessionId}`;
  return rows[0];
}

/** Stores a session (or its next attempt) together with the token that was sent. */
export async function startThreepidSession(
  db: Db,
  session: Omit<ThreepidSessionRow, "validatedAt"> & { readonly createdTs: number },
  token: { readonly hash: Uint8Array; readonly nextLink: string | undefined; readonly expiresTs: number },
): Promise<void> {
  await db`
    with session as (
      insert into threepid_validation_sessions (session_id, client_secret, medium, address, last_send_attempt, created_ts)
      values (${session.sessionId}, ${session.clientSecret}, ${session.medium}, ${session.address}, ${session.lastSendAttempt}, ${session.createdTs})
      on conflict (session_id) do update set last_send_attempt = excluded.last_send_attempt returning session_id
    )
    insert into threepid_validation_tokens (token_hash, session_id, next_link, expires_ts)
    select ${token.hash}::bytea, session_id, ${token.nextLink ?? null}::text, ${token.expiresTs}::int8 from session`;
}

/**
 * Validates the session that the token was sent for. Gives where to send the browser next, or undefined when token, session and
 * secret do not belong together or the token is too old.
 */
export async function validateThreepidSession(
  db: Db,
  given: { readonly tokenHash: Uint8Array; readonly sessionId: string; readonly clientSecret: string; readonly now: number },
): Promise<{ nextLink: string | null } | undefined> {
  const rows = await db<{ nextLink: string | null }>`
    update threepid_validation_sessions s set validated_at = coalesce(s.validated_at, ${given.now})
    from threepid_validation_tokens t
    where t.token_hash = ${given.tokenHash} and t.session_id = s.session_id and s.session_id = ${given.sessionId}
      and s.client_secret = ${given.clientSecret} and t.expires_ts >= ${given.now}
    returning t.next_link as "nextLink"`;
  return rows[0];
}

/** A session serves once: whoever adds its address or resets a password with it removes it. */
export async function deleteThreepidSessions(db: Db, sessionIds: readonly string[]): Promise<void> {
  await db`delete from threepid_validation_sessions where session_id = any(${sessionIds}::text[])`;
}

/** Removes sessions made before `before`. */
export async function deleteOldThreepidSessions(db: Db, before: number): Promise<void> {
  await db`delete from threepid_validation_sessions where created_ts < ${before}`;
}
