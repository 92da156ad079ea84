import { hostOf } from "../../caches/memberships";
import {
  accountsOutsideDirectory,
  deleteFromDirectory,
  directoryCandidates,
  directoryFacts,
  joinedMembersAfter,
  roomsWithoutUs,
  upsertDirectory,
} from "../../storage/userDirectory";
import type { DirectoryEntry, DirectoryFacts } from "../../storage/userDirectory";
import type { EventStreamRow } from "../../storage/events";
import type { Fence } from "../../storage/leases";
import type { App } from "../app";
import { directoryVector, fold } from "./words";

type DirectoryApp = Pick<App, "db" | "serverName">;

const PAGE = 500;
const MAX_NAME = 1_000;

/**
 * Puts the entries of some users right, or takes them out: from what the database knows of them now. With a fence nothing is written once
 * somebody else has the duty, who may have read it later.
 */
export async function refreshUsers({ db, serverName }: DirectoryApp, userIds: Iterable<string>, fence?: Fence): Promise<void> {
  const ids = [...userIds];
  for (let i = 0; i < ids.length; i += PAGE) {
    const facts = await directoryFacts(db, ids.slice(i, i + PAGE));
    const entries = facts.flatMap((fact) => entryOf(fact, serverName));
    const listed = new Set(entries.map(({ userId }) => userId));
    await upsertDirectory(db, entries, fence);
    await deleteFromDirectory(
      db,
      facts.map(({ userId }) => userId).filter((userId) => !listed.has(userId)),
      fence,
    );
  }
}

function entryOf({ userId, isFindable, displayName, avatarUrl, inRoom, inPublic }: DirectoryFacts, serverName: string): DirectoryEntry[] {
  const isLocal = hostOf(userId) === serverName;
  if (isLocal ? !isFindable : !inRoom) return [];
  const name = displayName?.slice(0, MAX_NAME) ?? null;
  const folded = fold(name ?? "");
  return [{ userId, displayName: name, avatarUrl, isLocal, inPublic, folded, words: directoryVector(userId, folded) }];
}

/** Events after which entries may be wrong. */
export const concernsDirectory = ({ type, keyNid, resets }: EventStreamRow): boolean =>
  resets || (keyNid !== null && (type === "m.room.member" || type === "m.room.join_rules" || type === "m.room.history_visibility"));

/** Puts right whatever a stretch of the events stream moved: single members, or all of a room that opened, closed, or is new to us. */
export async function refreshAfter(app: DirectoryApp, rows: readonly EventStreamRow[], fence?: Fence): Promise<void> {
  const users = new Set<string>();
  const whole = new Set<number>();
  const left = new Set<number>();
  for (const row of rows) {
    if (row.resets || row.type !== "m.room.member") whole.add(row.roomNid);
    if (row.type !== "m.room.member" || row.stateKey === null) continue;
    users.add(row.stateKey);
    if (row.membership !== "join" && hostOf(row.stateKey) === app.serverName) left.add(row.roomNid);
  }
  // What happens in a room that nobody here is in any more is not known, so its members are no neighbours.
  if (left.size > 0) for (const roomNid of await roomsWithoutUs(app.db, [...left])) whole.add(roomNid);
  await refreshUsers(app, users, fence);
  await refreshMembers(app, whole, fence);
}

/** Puts the entries right of all who are in some rooms. */
export async function refreshMembers(app: DirectoryApp, roomNids: Iterable<number>, fence?: Fence): Promise<void> {
  for (const roomNid of roomNids) await eachPage(app, (after) => joinedMembersAfter(app.db, roomNid, after, PAGE), { fence });
}

/** Puts the next entries right, of all that there are and should be. Gives after which to go on, undefined at the end. */
export async function refreshNext(
  app: DirectoryApp,
  after: string,
): Promise<{ readonly count: number; readonly next: string | undefined }> {
  const page = await directoryCandidates(app.db, after, PAGE);
  await refreshUsers(app, page);
  return { count: page.length, next: page.length === PAGE ? page.at(-1) : undefined };
}

/** Fills the directory for the first time. */
export async function buildDirectory(app: DirectoryApp, signal: AbortSignal): Promise<void> {
  await eachPage(app, (after) => directoryCandidates(app.db, after, PAGE), { signal });
}

/** Adds the accounts that nothing ever happened to, for a directory that shows everybody. */
export async function addQuietAccounts(app: DirectoryApp, signal: AbortSignal): Promise<void> {
  await eachPage(app, (after) => accountsOutsideDirectory(app.db, after, PAGE), { signal });
}

interface PageOptions {
  readonly signal?: AbortSignal;
  readonly fence?: Fence | undefined;
}

async function eachPage(app: DirectoryApp, read: (after: string) => Promise<string[]>, { signal, fence }: PageOptions): Promise<void> {
  for (let after = "", more = true; more;) {
    signal?.throwIfAborted();
    const page = await read(after);
    await refreshUsers(app, page, fence);
    after = page.at(-1) ?? after;
    more = page.length === PAGE;
  }
}
