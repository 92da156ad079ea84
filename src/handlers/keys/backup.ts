import { invalidParam, MatrixError, notFound } from "../../errors";
import type { JsonValue } from "../../lib/json";
import { JsonText } from "../../lib/jsonText";
import { fitsId } from "../../rooms/ids";
import type { Db } from "../../storage/db";
import {
  backedUpSessions,
  countBackedUp,
  deleteBackedUpSessions,
  deleteKeyBackup,
  getKeyBackup,
  holdKeyBackup,
  insertKeyBackup,
  moveEtag,
  putBackedUpSessions,
  updateKeyBackup,
} from "../../storage/keyBackups";
import type { BackedUpSession, BackupPart, KeyBackup } from "../../storage/keyBackups";
import { holdUser } from "../../storage/users";
import type { App } from "../app";

type BackupApp = Pick<App, "db">;
/** Room -> session -> its key, as JSON text where it is stored so. */
export type BackedUpRooms = Record<string, { readonly sessions: Record<string, SessionAnswer> }>;
export interface SessionAnswer {
  readonly first_message_index: number;
  readonly forwarded_count: number;
  readonly is_verified: boolean;
  readonly session_data: JsonText;
}

const MAX_SESSIONS = 20_000;

/** Versions are text for clients. What is no number names no version. */
function versionNumber(version: string): number {
  const number = /^\d{1,15}$/.test(version) ? Number(version) : undefined;
  if (number === undefined) throw notFound("Unknown backup version");
  return number;
}

/** GET /room_keys/version: one version, or the current one. Throws 404. */
export async function readBackup({ db }: BackupApp, userId: string, version: string | undefined): Promise<object> {
  const backup = await getKeyBackup(db, userId, version === undefined ? undefined : versionNumber(version));
  if (!backup) throw notFound(version === undefined ? "No current backup version" : "Unknown backup version");
  return {
    algorithm: backup.algorithm,
    auth_data: new JsonText(backup.authData),
    version: String(backup.version),
    etag: String(backup.etag),
    count: await countBackedUp(db, userId, backup.version),
  };
}

/** POST /room_keys/version: begins a new backup, which is the current one from then on. Gives its version. */
export async function createBackup({ db }: BackupApp, userId: string, algorithm: string, authData: JsonValue): Promise<string> {
  const version = await db.tx(async (tx) => {
    await holdUser(tx, userId);
    return insertKeyBackup(tx, userId, algorithm, JSON.stringify(authData));
  });
  return String(version);
}

/** PUT /room_keys/version: other data of the same algorithm. */
export async function changeBackup(
  { db }: BackupApp,
  userId: string,
  version: string,
  body: { readonly algorithm: string; readonly authData: JsonValue; readonly version: string | undefined },
): Promise<void> {
  if (body.version !== undefined && body.version !== version) throw invalidParam("The version of the body is not that of the path");
  const backup = await getKeyBackup(db, userId, versionNumber(version));
  if (!backup) throw notFound("Unknown backup version");
  if (backup.algorithm !== body.algorithm) throw invalidParam("Algorithm does not match");
  if (!(await updateKeyBackup(db, userId, backup.version, JSON.stringify(body.authData)))) throw notFound("Unknown backup version");
}

/** DELETE /room_keys/version. A version that is gone already is none any more: 404. */
export async function removeBackup({ db }: BackupApp, userId: string, version: string): Promise<void> {
  if (!(await deleteKeyBackup(db, userId, versionNumber(version)))) throw notFound("Unknown backup version");
}

/** GET /room_keys/keys: the sessions of a version, or a part of them. 404 without such a version. */
export async function readSessions({ db }: BackupApp, userId: string, version: string, part: BackupPart): Promise<BackedUpRooms> {
  const backup = await getKeyBackup(db, userId, versionNumber(version));
  if (!backup) throw notFound("Unknown backup version");
  const rooms = new Map<string, Map<string, SessionAnswer>>();
  for (const session of await backedUpSessions(db, userId, backup.version, part)) {
    const sessions = rooms.get(session.roomId) ?? new Map<string, SessionAnswer>();
    rooms.set(session.roomId, sessions.set(session.sessionId, answerOf(session)));
  }
  return Object.fromEntries(Array.from(rooms, ([roomId, sessions]) => [roomId, { sessions: Object.fromEntries(sessions) }]));
}

function answerOf(session: BackedUpSession): SessionAnswer {
  return {
    first_message_index: session.firstMessageIndex,
    forwarded_count: session.forwardedCount,
    is_verified: session.isVerified,
    session_data: new JsonText(session.sessionData),
  };
}

/** Runs a change of the sessions of the current version. 403 M_WRONG_ROOM_KEYS_VERSION for another one. */
async function changeSessions(
  { db }: BackupApp,
  userId: string,
  version: string,
  change: (tx: Db, backup: KeyBackup) => Promise<number>,
): Promise<{ count: number; etag: string }> {
  return db.tx(async (tx) => {
    const backup = await holdKeyBackup(tx, userId);
    if (!backup) throw notFound("Unknown backup version");
    if (String(backup.version) !== version) {
      const extra = { current_version: String(backup.version) };
      throw new MatrixError(403, "M_WRONG_ROOM_KEYS_VERSION", "That is not the current version of the backup", extra);
    }
    const moved = await change(tx, backup);
    const etag = moved > 0 ? await moveEtag(tx, userId, backup.version) : backup.etag;
    return { count: await countBackedUp(tx, userId, backup.version), etag: String(etag) };
  });
}

/** What a client backs up of one session. */
export interface SessionUpload {
  readonly first_message_index: number;
  readonly forwarded_count: number;
  readonly is_verified: boolean;
  readonly session_data: JsonValue;
}

/** PUT /room_keys/keys: room -> session -> its key. */
export async function backUpSessions(
  app: BackupApp,
  userId: string,
  version: string,
  rooms: Readonly<Record<string, { readonly sessions: Readonly<Record<string, SessionUpload>> }>>,
): Promise<{ count: number; etag: string }> {
  const sessions = Object.entries(rooms).flatMap(([roomId, room]) =>
    Object.entries(room.sessions).map(([sessionId, session]): BackedUpSession => {
      if (!fitsId(roomId) || !fitsId(sessionId)) throw invalidParam("Ids of rooms and sessions have up to 255 bytes");
      return {
        roomId,
        sessionId,
        firstMessageIndex: session.first_message_index,
        forwardedCount: session.forwarded_count,
        isVerified: session.is_verified,
        sessionData: JSON.stringify(session.session_data),
      };
    }),
  );
  if (sessions.length > MAX_SESSIONS) throw invalidParam(`No more than ${MAX_SESSIONS} sessions at a time`);
  return changeSessions(app, userId, version, (tx, backup) => putBackedUpSessions(tx, userId, backup.version, sessions));
}

/** DELETE /room_keys/keys. */
export async function removeSessions(
  app: BackupApp,
  userId: string,
  version: string,
  part: BackupPart,
): Promise<{ count: number; etag: string }> {
  return changeSessions(app, userId, version, (tx, backup) => deleteBackedUpSessions(tx, userId, backup.version, part));
}
