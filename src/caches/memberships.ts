import type { Db } from "../storage/db";
import { isOutside, membersOfRooms, membershipsOfUsers } from "../storage/memberships";
import { partialHosts } from "../storage/partialRooms";
import type { MemberRow, Membership } from "../storage/memberships";
import { createCache } from "./cache";
import type { CacheStats } from "./cache";

/** A user's place in one room. */
export interface UserRoom {
  readonly roomNid: number;
  readonly roomId: string;
  readonly membership: Membership;
  readonly sender: string;
  readonly eventNid: number;
  readonly streamOrdering: number;
  readonly forgotten: boolean;
}

/**
 * Who is joined to a room: local users one by one, others as a count per host. While most members of a room are still to come, each server
 * that is said to be in it counts once more, so that it is there from the first and stays.
 */
export interface RoomMembers {
  readonly local: Map<string, { readonly displayName: string | undefined }>;
  readonly hosts: Map<string, number>;
  joined: number;
  /** Position of the newest member event counted in. */
  position: number;
}

/** A change of membership as the events stream announces it. */
export interface MembershipChange {
  readonly roomNid: number;
  readonly roomId: string;
  readonly userId: string;
  readonly sender: string;
  readonly membership: Membership;
  readonly prevMembership: Membership | undefined;
  readonly displayName: string | undefined;
  readonly eventNid: number;
  readonly streamOrdering: number;
}

export interface Memberships {
  readonly stats: readonly CacheStats[];
  /** Every room that the user has or had to do with, by room number. Read only. */
  ofUser(userId: string): Promise<ReadonlyMap<number, UserRoom>>;
  ofUsers(userIds: readonly string[]): Promise<Map<string, ReadonlyMap<number, UserRoom>>>;
  ofRoom(roomNid: number): Promise<RoomMembers>;
  ofRooms(roomNids: readonly number[]): Promise<Map<number, RoomMembers>>;
  apply(change: MembershipChange): void;
  forgetUser(userId: string): void;
  forgetRoom(roomNid: number): void;
  /** The members of a room came in another way than by events. */
  forgetMembers(roomNid: number): void;
  /** The room is gone, from the lists of its members too. */
  dropRoom(roomNid: number): void;
}

/** The part of a user id behind the first colon. */
export const hostOf = (userId: string): string => userId.slice(userId.indexOf(":") + 1);

/** Only what is needed: rows have more columns. */
function placeOf({ roomNid, roomId, membership, sender, eventNid, streamOrdering, forgotten }: UserRoom): UserRoom {
  return { roomNid, roomId, membership, sender, eventNid, streamOrdering, forgotten };
}

function emptyMembers(): RoomMembers {
  return { local: new Map(), hosts: new Map(), joined: 0, position: 0 };
}

function countIn(members: RoomMembers, userId: string, step: 1 | -1): void {
  const host = hostOf(userId);
  const count = (members.hosts.get(host) ?? 0) + step;
  if (count > 0) members.hosts.set(host, count);
  else members.hosts.delete(host);
  members.joined += step;
}

function membersOf(rows: readonly MemberRow[]): Map<number, RoomMembers> {
  const rooms = new Map<number, RoomMembers>();
  for (const row of rows) {
    let members = rooms.get(row.roomNid);
    if (!members) rooms.set(row.roomNid, (members = emptyMembers()));
    members.position = Math.max(members.position, row.streamOrdering);
    if (row.membership !== "join") continue;
    countIn(members, row.userId, 1);
    if (row.isLocal) members.local.set(row.userId, { displayName: row.displayName ?? undefined });
  }
  return rooms;
}

async function loadMembers(db: Db, nids: readonly number[]): Promise<[number, RoomMembers][]> {
  const [rows, partial] = await Promise.all([membersOfRooms(db, nids), partialHosts(db, nids)]);
  const found = membersOf(rows);
  for (const { roomNid, hosts: named } of partial) {
    const hosts = found.get(roomNid)?.hosts;
    if (hosts) for (const host of named) hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  return nids.map((nid) => [nid, found.get(nid) ?? emptyMembers()]);
}

/** What an empty entry takes, in places. */
const ENTRY_SIZE = 5;

/** forgetsLeft: `forget_rooms_on_leave`, as it stands in the database then too. users, rooms: bounds of what is remembered. */
export interface MembershipOptions {
  readonly serverName: string;
  readonly forgetsLeft: boolean;
  readonly users: number;
  readonly rooms: number;
}

export function createMemberships(db: Db, { serverName, forgetsLeft, ...limits }: MembershipOptions): Memberships {
  // Both count places: of a user in a room, of a local member or a host in one.
  const users = createCache<string, Map<number, UserRoom>>({
    name: "get_rooms_for_user",
    max: limits.users,
    sizeOf: (places) => ENTRY_SIZE + places.size,
    load: async (userIds) => {
      const found = new Map(userIds.map((userId) => [userId, new Map<number, UserRoom>()]));
      for (const row of await membershipsOfUsers(db, userIds)) found.get(row.userId)?.set(row.roomNid, placeOf(row));
      return found;
    },
  });
  const rooms = createCache<number, RoomMembers>({
    name: "get_users_in_room",
    max: limits.rooms,
    sizeOf: ({ local, hosts }) => ENTRY_SIZE + local.size + hosts.size,
    load: (nids) => loadMembers(db, nids),
  });

  function applyToUser(change: MembershipChange): void {
    const map = users.get(change.userId);
    if (!map) return users.delete(change.userId);
    const known = map.get(change.roomNid);
    if (known && known.streamOrdering > change.streamOrdering) return;
    map.set(change.roomNid, placeOf({ ...change, forgotten: forgetsLeft && isOutside(change.membership) }));
    if (!known) users.resized(change.userId);
  }

  function applyToRoom(change: MembershipChange): void {
    const members = rooms.get(change.roomNid);
    if (!members) return rooms.delete(change.roomNid);
    if (change.streamOrdering <= members.position) return;
    members.position = change.streamOrdering;
    const [before, after] = [change.prevMembership === "join", change.membership === "join"];
    if (before !== after) countIn(members, change.userId, after ? 1 : -1);
    if (hostOf(change.userId) === serverName) {
      if (after) members.local.set(change.userId, { displayName: change.displayName });
      else members.local.delete(change.userId);
    }
    if (before !== after) rooms.resized(change.roomNid);
  }

  return {
    stats: [users.stats, rooms.stats],
    ofUser: async (userId) => (await users.load(userId)) ?? new Map(),
    ofUsers: (userIds) => users.loadMany(userIds),
    ofRoom: async (roomNid) => (await rooms.load(roomNid)) ?? emptyMembers(),
    ofRooms: (nids) => rooms.loadMany(nids),
    apply(change) {
      applyToUser(change);
      applyToRoom(change);
    },
    forgetUser: (userId) => users.delete(userId),
    forgetRoom: (roomNid) => rooms.delete(roomNid),
    forgetMembers(roomNid) {
      rooms.delete(roomNid);
      // Of users of other servers it is not known here who is in the room.
      users.deleteWhere((places, userId) => places.has(roomNid) || hostOf(userId) !== serverName);
    },
    dropRoom(roomNid) {
      rooms.delete(roomNid);
      users.deleteWhere((places) => places.has(roomNid));
    },
  };
}
