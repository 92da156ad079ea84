import type { Db } from "./db";

export type Membership = "join" | "invite" | "leave" | "ban" | "knock";

/** Whether somebody left, was sent away or turned an invitation down. */
export const isOutside = (membership: Membership): boolean => membership === "leave" || membership === "ban";

/** The current membership of a user in a room. */
export interface MemberRow {
  readonly roomNid: number;
  readonly userId: string;
  readonly membership: Membership;
  readonly sender: string;
  readonly eventNid: number;
  readonly streamOrdering: number;
  readonly isLocal: boolean;
  readonly forgotten: boolean;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}

/** A newer membership takes the place of the older one, and whether it is forgotten with it. */
export async function upsertMembers(db: Db, rows: readonly MemberRow[]): Promise<void> {
  await db`
    insert into room_members as m
      (room_nid, user_id, membership, sender, event_nid, stream_ordering, is_local, forgotten, display_name, avatar_url)
    select * from unnest(${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.userId)}::text[],
      ${rows.map((r) => r.membership)}::text[], ${rows.map((r) => r.sender)}::text[], ${rows.map((r) => r.eventNid)}::int8[],
      ${rows.map((r) => r.streamOrdering)}::int8[], ${rows.map((r) => r.isLocal)}::bool[], ${rows.map((r) => r.forgotten)}::bool[],
      ${rows.map((r) => r.displayName)}::text[], ${rows.map((r) => r.avatarUrl)}::text[])
    on conflict (room_nid, user_id) do update set
      membership = excluded.membership, sender = excluded.sender, event_nid = excluded.event_nid,
      stream_ordering = excluded.stream_ordering, display_name = excluded.display_name, avatar_url = excluded.avatar_url,
      forgotten = excluded.forgotten`;
}

/** Every room that the users have or had anything to do with, forgotten ones too. */
export async function membershipsOfUsers(db: Db, userIds: readonly string[]): Promise<(MemberRow & { roomId: string })[]> {
  return db`
    select m.room_nid as "roomNid", r.room_id as "roomId", user_id as "userId", membership, sender, event_nid as "eventNid",
           stream_ordering as "streamOrdering", is_local as "isLocal", forgotten, display_name as "displayName", avatar_url as "avatarUrl"
    from room_members m join rooms r using (room_nid) where user_id = any(${userIds}::text[])`;
}

/** Members of rooms, all or those of one membership. */
export async function membersOfRooms(db: Db, roomNids: readonly number[], membership?: Membership): Promise<MemberRow[]> {
  return db<MemberRow>`
    select room_nid as "roomNid", user_id as "userId", membership, sender, event_nid as "eventNid",
           stream_ordering as "streamOrdering", is_local as "isLocal", forgotten, display_name as "displayName", avatar_url as "avatarUrl"
    from room_members where room_nid = any(${roomNids}::int4[]) and (${membership ?? null}::text is null or membership = ${membership ?? null})`;
}

/** Users of this server who are in a room, invited, or knock at it. */
export async function localUsersOf(db: Db, roomNid: number): Promise<string[]> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from room_members
    where room_nid = ${roomNid} and is_local and membership in ('join', 'invite', 'knock') order by user_id`;
  return rows.map(({ userId }) => userId);
}

export async function setForgotten(db: Db, roomNid: number, userId: string): Promise<void> {
  await db`update room_members set forgotten = true where room_nid = ${roomNid} and user_id = ${userId} and membership in ('leave', 'ban')`;
}

/** Member events of one user with after < position <= upTo, oldest first. */
export async function membershipChangesOfUser(
  db: Db,
  userId: string,
  after: number,
  upTo: number,
): Promise<{ nid: number; roomNid: number; streamOrdering: number; replacesNid: number | null }[]> {
  return db`
    select nid, room_nid as "roomNid", stream_ordering as "streamOrdering", replaces_nid as "replacesNid" from events
    where type = 'm.room.member' and state_key = ${userId} and stream_ordering > ${after} and stream_ordering <= ${upTo}
      and rejected is null and not soft_failed
    order by stream_ordering`;
}

/** The same of all users in some rooms. */
export async function memberEventsBetween(
  db: Db,
  roomNids: readonly number[],
  after: number,
  upTo: number,
): Promise<{ nid: number; replacesNid: number | null }[]> {
  return db`
    select nid, replaces_nid as "replacesNid" from events
    where room_nid = any(${roomNids}::int4[]) and type = 'm.room.member' and state_key is not null
      and stream_ordering > ${after} and stream_ordering <= ${upTo} and rejected is null and not soft_failed
    order by stream_ordering`;
}

/** Everybody joined to the rooms, users of other servers too. */
export async function joinedUsersOf(db: Db, roomNids: readonly number[]): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>();
  if (roomNids.length === 0) return found;
  const rows = await db<{ roomNid: number; userIds: string[] }>`
    select room_nid as "roomNid", array_agg(user_id) as "userIds" from room_members
    where room_nid = any(${roomNids}::int4[]) and membership = 'join' group by room_nid`;
  for (const { roomNid, userIds } of rows) found.set(roomNid, userIds);
  return found;
}

/** Who a room without a name is called after: joined and invited members in the order of their events, else those who left. */
export async function heroesOfRooms(
  db: Db,
  roomNids: readonly number[],
  exceptUserId: string,
): Promise<{ roomNid: number; userId: string; eventNid: number; membership: Membership }[]> {
  return db`
    select r.room_nid as "roomNid", m.user_id as "userId", m.event_nid as "eventNid", m.membership
    from unnest(${roomNids}::int4[]) as r(room_nid)
    cross join lateral (
      (select user_id, event_nid, membership, stream_ordering from room_members
       where room_nid = r.room_nid and membership in ('join', 'invite') and user_id <> ${exceptUserId}
       order by stream_ordering limit 5)
      union all
      (select user_id, event_nid, membership, stream_ordering from room_members
       where room_nid = r.room_nid and membership in ('leave', 'ban') and user_id <> ${exceptUserId}
       order by stream_ordering limit 5)
    ) m
    order by r.room_nid, m.membership in ('leave', 'ban'), m.stream_ordering`;
}

/** Members by kind, as listings count them. */
export async function memberCounts(db: Db, roomNids: readonly number[]): Promise<{ roomNid: number; joined: number; invited: number }[]> {
  return db`
    select room_nid as "roomNid", joined_members as joined, invited_members as invited
    from room_stats where room_nid = any(${roomNids}::int4[])`;
}
