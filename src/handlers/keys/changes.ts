import type { UserRoom } from "../../caches/memberships";
import type { StreamToken } from "../../lib/streamToken";
import { deviceListChangesFor, whoSharesRooms } from "../../storage/deviceListChanges";
import type { DeviceListChange } from "../../storage/deviceListChanges";
import { joinedUsersOf } from "../../storage/memberships";
import type { App } from "../app";
import { wholeRoomsSince } from "../sync/partialRooms";
import { roomJobs } from "../sync/places";
import { isMemberMove, memberMoves } from "./memberMoves";

type ChangesApp = Pick<App, "db" | "caches" | "keys">;
type Span = Pick<StreamToken, "events" | "device_lists" | "un_partial_stated_room">;

/** Whose devices a client must ask for again, and whom it need not follow any more. */
export interface DeviceLists {
  readonly changed: readonly string[];
  readonly left: readonly string[];
}

export interface DeviceNews extends DeviceLists {
  /** Keys of the device itself came or were claimed. */
  readonly countsMoved: boolean;
}

/** What happened to users' devices and to their sharing of rooms with a user (client-server API, "Tracking the device list for a user"). */
export async function deviceNews(
  app: ChangesApp,
  device: { readonly userId: string; readonly deviceId?: string | undefined },
  since: Span,
  now: Span,
): Promise<DeviceNews> {
  const { userId } = device;
  const [changes, moves] = await Promise.all([
    changesFor(app, userId, since.device_lists, now.device_lists),
    roomMoves(app, userId, since, now),
  ]);
  const changed = new Set(moves.met);
  for (const { userId: who, what } of changes) if (what !== "counts") changed.add(who);
  for (const gone of moves.parted) changed.delete(gone);
  return {
    changed: [...changed],
    left: moves.parted,
    countsMoved: changes.some(({ what, deviceId }) => what === "counts" && deviceId === device.deviceId),
  };
}

/** From memory where it reaches back so far. */
async function changesFor(app: ChangesApp, userId: string, from: number, to: number): Promise<readonly DeviceListChange[]> {
  if (from >= to) return [];
  const recent = app.keys.changes.after(from);
  if (!recent) return deviceListChangesFor(app.db, userId, from, to);
  const upTo = recent.filter((row) => row.streamId <= to);
  const own = upTo.filter((row) => row.audience === userId || (row.audience === null && row.userId === userId));
  const others = upTo.filter((row) => row.audience === null && row.userId !== userId);
  if (others.length === 0) return own;
  const sharing = await sharingRooms(app, userId, [...new Set(others.map((row) => row.userId))]);
  return [...own, ...others.filter((row) => sharing.has(row.userId))];
}

/** More users than this are not loaded into the cache for the sake of one sync. */
const MANY = 200;

/** Of the users those who are joined to a room with the user. */
async function sharingRooms(
  { db, caches }: Pick<App, "db" | "caches">,
  userId: string,
  users: readonly string[],
): Promise<ReadonlySet<string>> {
  if (users.length > MANY) return new Set(await whoSharesRooms(db, userId, users));
  const places = await caches.memberships.ofUsers([userId, ...users]);
  const mine = places.get(userId) ?? new Map<number, UserRoom>();
  const shares = (theirs: ReadonlyMap<number, UserRoom> | undefined): boolean => {
    if (!theirs) return false;
    const [fewer, more] = mine.size < theirs.size ? [mine, theirs] : [theirs, mine];
    for (const [nid, { membership }] of fewer) if (membership === "join" && more.get(nid)?.membership === "join") return true;
    return false;
  };
  return new Set(users.filter((user) => shares(places.get(user))));
}

interface Moves {
  readonly met: readonly string[];
  readonly parted: readonly string[];
}

/** Whether members may have come or gone in a room, going by memory. */
function mayHaveMoved({ caches: { tails } }: ChangesApp, roomNid: number, since: Span, now: Span): boolean {
  if (tails.changedSince(roomNid, since.events) === false) return false;
  return tails.between(roomNid, since.events, now.events)?.some(isMemberMove) ?? true;
}

/** With whom the user came to share a room, and with whom they share none any more. */
async function roomMoves(app: ChangesApp, userId: string, since: Span, now: Span): Promise<Moves> {
  const whole = await wholeRoomsSince(app, since, now);
  if (since.events >= now.events && whole.size === 0) return { met: [], parted: [] };
  const all = await app.caches.memberships.ofUser(userId);
  const completed = [...whole].filter((nid) => all.get(nid)?.membership === "join");
  const moved = [...all.values()].filter(
    (place) => place.streamOrdering > since.events || (place.membership === "join" && mayHaveMoved(app, place.roomNid, since, now)),
  );
  if (moved.length === 0 && completed.length === 0) return { met: [], parted: [] };
  const request = { userId, sinceOf: () => since.events, now: now.events, fullState: false, includeLeave: true, allowsRoom: () => true };
  const { jobs } = await roomJobs(app, moved, request);
  // Of a room that became whole the user meets all members now.
  const joined = jobs.filter((job) => job.section === "join" && job.newlyJoined).map(({ room }) => room.nid);
  const entered = [...new Set([...joined, ...completed])];
  const left = jobs.filter((job) => job.section === "leave" && job.wasJoined).map(({ room }) => room.nid);
  const stayed = jobs.filter((job) => job.section === "join" && !job.newlyJoined).map(({ room }) => room.nid);
  const [members, moves] = await Promise.all([
    joinedUsersOf(app.db, [...entered, ...left]),
    memberMoves(app, stayed, since.events, now.events),
  ]);
  const met = new Set([...entered.flatMap((nid) => members.get(nid) ?? []), ...moves.came]);
  const maybeGone = new Set([...left.flatMap((nid) => members.get(nid) ?? []), ...moves.went]);
  for (const set of [met, maybeGone]) set.delete(userId);
  const candidates = [...new Set([...maybeGone, ...moves.came])];
  const sharing = candidates.length > 0 ? await sharingRooms(app, userId, candidates) : new Set<string>();
  return {
    met: [...met].filter((user) => !maybeGone.has(user) || sharing.has(user)),
    parted: [...maybeGone].filter((user) => !sharing.has(user)),
  };
}
