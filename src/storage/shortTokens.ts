import type { Db } from "./db";

export interface LoginTokenRow {
  readonly tokenHash: Uint8Array;
  readonly userId: string;
  readonly expiresTs: number;
  readonly authProviderId: string | undefined;
  readonly authProviderSessionId: string | undefined;
}

export async function insertLoginToken(db: Db, token: LoginTokenRow): Promise<void> {
  await db`
    insert into login_tokens (token_hash, user_id, expires_ts, auth_provider_id, auth_provider_session_id)
    values (${token.tokenHash}, ${token.userId}, ${token.expiresTs}, ${token.authProviderId ?? null}, ${token.authProviderSessionId ?? null})`;
}

/** Uses the token up: it gives its owner once, and never after its time. */
export async function takeLoginToken(db: Db, tokenHash: Uint8Array, now: number): Promise<{ userId: string } | undefined> {
  const rows = await db<{ userId: string }>`
    update login_tokens set used = true where token_hash = ${tokenHash} and not used and expires_ts >= ${now}
    returning user_id as "userId"`;
  return rows[0];
}

export async function insertOpenIdToken(
  db: Db,
  token: { readonly tokenHash: Uint8Array; readonly userId: string; readonly expiresTs: number },
): Promise<void> {
  await db`insert into openid_tokens (token_hash, user_id, expires_ts) values (${token.tokenHash}, ${token.userId}, ${token.expiresTs})`;
}

/** Whom the token speaks for (server-server API, GET /openid/userinfo). */
export async function getOpenIdUser(db: Db, tokenHash: Uint8Array, now: number): Promise<string | undefined> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from openid_tokens where token_hash = ${tokenHash} and expires_ts >= ${now}`;
  return rows[0]?.userId;
}

export async function deleteExpiredShortTokens(db: Db, now: number): Promise<void> {
  await Promise.all([db`delete from login_tokens where expires_ts < ${now}`, db`delete from openid_tokens where expires_ts < ${now}`]);
}

/** Login and OpenID tokens of a user that is deactivated. */
export async function deleteShortTokensOf(db: Db, userId: string): Promise<void> {
  await Promise.all([db`delete from login_tokens where user_id = ${userId}`, db`delete from openid_tokens where user_id = ${userId}`]);
}
