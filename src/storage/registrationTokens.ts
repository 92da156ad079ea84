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

/** All tokens, or those that could be used now ("valid"), or could not. */
export async function getRegistrationTokens(db: Db, which: "all" | "valid" | "spent", now: number): Promise<RegistrationTokenRow[]> {
  return db<RegistrationTokenRow>`
    select token, uses_allowed as "usesAllowed", pending, completed, expires_ts as "expiresTs" from registration_tokens
    where ${which} = 'all' or (${which} = 'valid')
      = ((uses_allowed is null or pending + completed < uses_allowed) and (expires_ts is null or expires_ts > ${now}))
    order by token`;
}

export async function getRegistrationToken(db: Db, token: string): Promise<RegistrationTokenRow | undefined> {
  const rows = await db<RegistrationTokenRow>`
    select token, uses_allowed as "usesAllowed", pending, completed, expires_ts as "expiresTs" from registration_tokens
    where token = ${token}`;
  return rows[0];
}

type Terms = Pick<RegistrationTokenRow, "usesAllowed" | "expiresTs">;

/** Gives whether the token is new. */
export async function insertRegistrationToken(
  db: Db,
  { token, usesAllowed, expiresTs }: Terms & { readonly token: string },
): Promise<boolean> {
  const rows = await db`
    insert into registration_tokens (token, uses_allowed, expires_ts) values (${token}, ${usesAllowed}, ${expiresTs})
    on conflict (token) do nothing returning token`;
  return rows.length > 0;
}

/** Sets what is given; null: without limit. Undefined where there is no such token. */
export async function updateRegistrationToken(db: Db, token: string, terms: Partial<Terms>): Promise<RegistrationTokenRow | undefined> {
  const rows = await db<RegistrationTokenRow>`
    update registration_tokens set
      uses_allowed = case when ${terms.usesAllowed === undefined} then uses_allowed else ${terms.usesAllowed ?? null}::int8 end,
      expires_ts = case when ${terms.expiresTs === undefined} then expires_ts else ${terms.expiresTs ?? null}::int8 end
    where token = ${token}
    returning token, uses_allowed as "usesAllowed", pending, completed, expires_ts as "expiresTs"`;
  return rows[0];
}

/** Gives whether there was such a token. */
export async function deleteRegistrationToken(db: Db, token: string): Promise<boolean> {
  const rows = await db`delete from registration_tokens where token = ${token} returning token`;
  return rows.length > 0;
}
