import type { Db } from "./db";

export interface RegistrationTokenRow {
  readonly token: string;
  readonly usesAllowed: number | null;
  readonly pending: number;
  readonly completed: number;
  readonly expiresTs: number | null;
}

/** Whether the token could be used now. */
export async function isRegistrationTokenValid(db: Db, token: string, now: number): Promise<boolean> {
  const rows = await db`
    select 1 from registration_tokens
    where token = ${token} and (uses_allowed is null or pending + completed < uses_allowed) and (expires_ts is null or expires_ts >= ${now})`;
  return rows.length > 0;
}

/** Reserves one use of a valid token. Gives whether it was valid. */
export async function reserveRegistrationToken(db: Db, token: string, now: number): Promise<boolean> {
  const rows = await db`
    update registration_tokens set pending = pending + 1
    where token = ${token} and (uses_allowed is null or pending + completed < uses_allowed) and (expires_ts is null or expires_ts >= ${now})
    returning token`;
  return rows.length > 0;
}

/** Turns a reserved use into a completed one. */
export async function completeRegistrationToken(db: Db, token: string): Promise<void> {
  await db`update registration_tokens set pending = greatest(0, pending - 1), completed = completed + 1 where token = ${token}`;
}

export async function getRegistrationTokens(db: Db): Promise<RegistrationTokenRow[]> {
  return db<RegistrationTokenRow>`
    select token, uses_allowed as "usesAllowed", pending, completed, expires_ts as "expiresTs" from registration_tokens order by token`;
}

/** Gives whether the token is new. */
export async function insertRegistrationToken(
  db: Db,
  token: { readonly token: string; readonly usesAllowed: number | undefined; readonly expiresTs: number | undefined },
): Promise<boolean> {
  const rows = await db`
    insert into registration_tokens (token, uses_allowed, expires_ts)
    values (${token.token}, ${token.usesAllowed ?? null}, ${token.expiresTs ?? null})
    on conflict (token) do nothing returning token`;
  return rows.length > 0;
}
