import type { Db } from "./db";

/** A version of a user's backup. etag counts its changes. */
export interface KeyBackup {
  readonly version: number;
  readonly algorithm: string;
  /** JSON text. */
  readonly authData: string;
  readonly etag: number;
}

export interface SessionId {
  readonly roomId: string;
  readonly sessionId: string;
}

/** The key of a session, encrypted by the client. */
export interface BackedUpSession extends SessionId {
  readonly firstMessageIndex: number;
  readonly forwardedCount: number;
  readonly isVerified: boolean;
  /** JSON text. */
  readonly sessionData: string;
}

/** What of a backup is meant: all, one room, or one session of it. */
export interface BackupPart {
  readonly roomId?: string | undefined;
  readonly sessionId?: string | undefined;
}

/** One version, or the current one: the newest that is not deleted. */
export async function getKeyBackup(db: Db, userId: string, version?: number): Promise<KeyBackup | undefined> {
  const rows = await db<KeyBackup>`
    select version, algorithm, auth_data as "authData", etag from key_backups
    where user_id = ${userId} and not deleted and (${version ?? null}::int8 is null or version = ${version ?? null}::int8)
    order by version desc limit 1`;
  return rows[0];
}

/** The current version, which nobody else changes until the transaction ends. */
export async function holdKeyBackup(tx: Db, userId: string): Promise<KeyBackup | undefined> {
  const rows = await tx<KeyBackup>`
    select version, algorithm, auth_data as "authData", etag from key_backups
    where user_id = ${userId} and not deleted order by version desc limit 1 for no key update`;
  return rows[0];
}

/** Versions count up for each user, deleted ones included. The caller holds the user. */
export async function insertKeyBackup(tx: Db, userId: string, algorithm: string, authData: string): Promise<number> {
  const rows = await tx<{ version: number }>`
    insert into key_backups (user_id, version, algorithm, auth_data)
    select ${userId}, coalesce(max(version), 0) + 1, ${algorithm}, ${authData} from key_backups where user_id = ${userId}
    returning version`;
  return rows[0]?.version ?? 0;
}

/** Gives whether there is such a version. */
export async function updateKeyBackup(db: Db, userId: string, version: number, authData: string): Promise<boolean> {
  const rows = await db`
    update key_backups set auth_data = ${authData} where user_id = ${userId} and version = ${version} and not deleted returning version`;
  return rows.length > 0;
}

/** Deletes a version with its sessions. Gives whether it was there. */
export async function deleteKeyBackup(db: Db, userId: string, version: number): Promise<boolean> {
  const rows = await db`
    with gone as (
      update key_backups set deleted = true where user_id = ${userId} and version = ${version} and not deleted returning version
    ), sessions as (
      delete from key_backup_sessions s using gone where s.user_id = ${userId} and s.version = gone.version
    )
    select version from gone`;
  return rows.length > 0;
}

export async function countBackedUp(db: Db, userId: string, version: number): Promise<number> {
  const rows = await db<{ count: number }>`
    select count(*) as count from key_backup_sessions where user_id = ${userId} and version = ${version}`;
  return rows[0]?.count ?? 0;
}

export async function backedUpSessions(db: Db, userId: string, version: number, part: BackupPart): Promise<BackedUpSession[]> {
  const { roomId = null, sessionId = null } = part;
  return db<BackedUpSession>`
    select room_id as "roomId", session_id as "sessionId", first_message_index as "firstMessageIndex", forwarded_count as "forwardedCount",
           is_verified as "isVerified", session_data as "sessionData"
    from key_backup_sessions where user_id = ${userId} and version = ${version}
      and (${roomId}::text is null or room_id = ${roomId}) and (${sessionId}::text is null or session_id = ${sessionId})`;
}

/**
 * Stores sessions. One that is there is replaced by a better one only (client-server API, "Server-side key backups"): verified before
 * not, then the lower first index, then the fewer hops. Gives how many were stored.
 */
export async function putBackedUpSessions(tx: Db, userId: string, version: number, sessions: readonly BackedUpSession[]): Promise<number> {
  if (sessions.length === 0) return 0;
  const rows = await tx`
    insert into key_backup_sessions as s
      (user_id, version, room_id, session_id, first_message_index, forwarded_count, is_verified, session_data)
    select ${userId}, ${version}::int8, * from unnest(${sessions.map((s) => s.roomId)}::text[], ${sessions.map((s) => s.sessionId)}::text[],
      ${sessions.map((s) => s.firstMessageIndex)}::int8[], ${sessions.map((s) => s.forwardedCount)}::int8[],
      ${sessions.map((s) => s.isVerified)}::bool[], ${sessions.map((s) => s.sessionData)}::text[])
    on conflict (user_id, version, room_id, session_id) do update set
      first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
      is_verified = excluded.is_verified, session_data = excluded.session_data
    where (not excluded.is_verified, excluded.first_message_index, excluded.forwarded_count)
      < (not s.is_verified, s.first_message_index, s.forwarded_count)
    returning 1 as stored`;
  return rows.length;
}

/** Gives how many were deleted. */
export async function deleteBackedUpSessions(tx: Db, userId: string, version: number, part: BackupPart): Promise<number> {
  const { roomId = null, sessionId = null } = part;
  const rows = await tx`
    delete from key_backup_sessions where user_id = ${userId} and version = ${version}
      and (${roomId}::text is null or room_id = ${roomId}) and (${sessionId}::text is null or session_id = ${sessionId})
    returning 1 as gone`;
  return rows.length;
}

/** A change of the sessions moves the etag on. Gives the new one. */
export async function moveEtag(tx: Db, userId: string, version: number): Promise<number> {
  const rows = await tx<{ etag: number }>`
    update key_backups set etag = etag + 1 where user_id = ${userId} and version = ${version} returning etag`;
  return rows[0]?.etag ?? 0;
}
