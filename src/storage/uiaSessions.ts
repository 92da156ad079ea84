import type { JsonObject, JsonValue } from "../lib/json";
import type { Db } from "./db";

export interface UiaSessionRow {
  readonly sessionId: string;
  readonly method: string;
  readonly uri: string;
  /** What is done, in words for people. */
  readonly description: string;
  /** The request without `auth` and without passwords, as it was sent last. */
  readonly clientDict: JsonObject;
  /** What the server remembers between the stages. */
  readonly serverDict: JsonObject;
  /** Stage -> result. */
  readonly completed: { readonly [stage: string]: JsonValue };
}

export async function insertUiaSession(db: Db, session: UiaSessionRow & { readonly createdTs: number }): Promise<void> {
  await db`
    insert into ui_auth_sessions (session_id, created_ts, method, uri, description, client_dict, server_dict, completed)
    values (${session.sessionId}, ${session.createdTs}, ${session.method}, ${session.uri}, ${session.description},
            ${JSON.stringify(session.clientDict)}::text::jsonb, ${JSON.stringify(session.serverDict)}::text::jsonb,
            ${JSON.stringify(session.completed)}::text::jsonb)`;
}

export async function getUiaSession(db: Db, sessionId: string): Promise<UiaSessionRow | undefined> {
  const rows = await db<UiaSessionRow>`
    select session_id as "sessionId", method, uri, description, client_dict as "clientDict", server_dict as "serverDict", completed
    from ui_auth_sessions where session_id = ${sessionId}`;
  return rows[0];
}

/** Adds to what is stored, so that two requests that complete different stages at once do not undo each other. */
export async function updateUiaSession(
  db: Db,
  sessionId: string,
  change: { readonly clientDict?: JsonObject; readonly serverDict?: JsonObject; readonly completed?: JsonObject },
): Promise<void> {
  const clientDict = change.clientDict === undefined ? null : JSON.stringify(change.clientDict);
  await db`
    update ui_auth_sessions set
      client_dict = coalesce(${clientDict}::text::jsonb, client_dict),
      server_dict = server_dict || ${JSON.stringify(change.serverDict ?? {})}::text::jsonb,
      completed = completed || ${JSON.stringify(change.completed ?? {})}::text::jsonb
    where session_id = ${sessionId}`;
}

/** Removes sessions made before `before` and gives back the uses of registration tokens that they had reserved. */
export async function deleteOldUiaSessions(db: Db, before: number): Promise<number> {
  const rows = await db<{ n: number }>`
    with gone as (
      delete from ui_auth_sessions where created_ts < ${before} returning completed, server_dict
    ), freed as (
      select completed ->> 'm.login.registration_token' as token, count(*)::int as n from gone
      where completed ? 'm.login.registration_token' and not server_dict ? 'registered_user_id' group by 1
    ), given_back as (
      update registration_tokens t set pending = greatest(0, t.pending - f.n) from freed f where t.token = f.token
    )
    select count(*)::int as n from gone`;
  return rows[0]?.n ?? 0;
}
