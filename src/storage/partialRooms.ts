import type { Db } from "./db";
import type { MemberRow } from "./memberships";
import { asStreamRows } from "./streamIds";
import type { StreamRow } from "./streamIds";

/** A room that was joined without its members. */
export interface PartialRoom {
  readonly roomNid: number;
  /** Our join, before which the whole state is to be had. */
  readonly joinNid: number;
  readonly joinedVia: string;
  /** The servers in the room, as `joinedVia` named them. */
  readonly hosts: readonly string[];
  /** Where in the stream un_partial_stated_room the room became whole; null before. */
  readonly fullAt: number | null;
}

/** A room whose whole state has come. */
export interface WholeRoom {
  readonly roomNid: number;
  readonly roomId: string;
}

/** Notes the first join of a room, which came without members. */
export async function insertPartialRoom(db: Db, room: Omit<PartialRoom, "fullAt">): Promise<void> {
  await db`
    insert into partial_rooms (room_nid, join_nid, joined_via, hosts)
    values (${room.roomNid}, ${room.joinNid}, ${room.joinedVia}, ${[...room.hosts]}::text[])
    on conflict (room_nid) do update set
      join_nid = excluded.join_nid, joined_via = excluded.joined_via, hosts = excluded.hosts, full_at = null`;
}

/** The room was joined anew, with its members. */
export async function deletePartialRoom(db: Db, roomNid: number): Promise<void> {
  await db`delete from partial_rooms where room_nid = ${roomNid}`;
}

/** Rooms without all of their members, and those that got them after a position. */
export async function partialRooms(db: Db, after: number): Promise<PartialRoom[]> {
  return db<PartialRoom>`
    select room_nid as "roomNid", join_nid as "joinNid", joined_via as "joinedVia", hosts, full_at as "fullAt"
    from partial_rooms where full_at is null or full_at > ${after}`;
}

/** The servers that are said to be in rooms, by room, where members do not tell it. */
export async function partialHosts(db: Db, roomNids: readonly number[]): Promise<{ roomNid: number; hosts: readonly string[] }[]> {
  return db`
    select room_nid as "roomNid", hosts from partial_rooms where cardinality(hosts) > 0 and room_nid = any(${roomNids}::int4[])`;
}

/** A room is whole from a position on, or not waited for any more: then the servers named with the join are all that is known of it. */
export async function markWhole(tx: Db, roomNid: number, fullAt: number, hosts: "known" | "as_named"): Promise<void> {
  await tx`
    update partial_rooms set full_at = ${fullAt}, hosts = case when ${hosts === "known"} then '{}' else hosts end where room_nid = ${roomNid}`;
}

/** Catch-up of the stream un_partial_stated_room, and what became whole between two tokens. */
export async function wholeRoomsBetween(db: Db, from: number, to: number): Promise<StreamRow<WholeRoom>[]> {
  const rows = await db<WholeRoom & { id: number }>`
    select full_at as id, room_nid as "roomNid", room_id as "roomId" from partial_rooms join rooms using (room_nid)
    where full_at > ${from} and full_at <= ${to} order by full_at`;
  return asStreamRows(rows);
}

/** Events with a place in a room's history from a position on, in order; refused ones too. */
export async function eventsFrom(db: Db, roomNid: number, from: number): Promise<number[]> {
  const rows = await db<{ nid: number }>`
    select nid from events where room_nid = ${roomNid} and stream_ordering >= ${from} and state_group is not null order by stream_ordering`;
  return rows.map(({ nid }) => nid);
}

/** Of the events those that may stand in a state of the room. */
export async function stateEntries(
  db: Db,
  roomNid: number,
  eventIds: readonly string[],
): Promise<{ eventId: string; nid: number; type: string; stateKey: string }[]> {
  return db`
    select event_id as "eventId", nid, type, state_key as "stateKey" from events
    where event_id = any(${eventIds}::text[]) and room_nid = ${roomNid} and state_key is not null and rejected is null`;
}

/** How an event stands on the whole state. */
export interface JudgedAnew {
  readonly nid: number;
  readonly stateGroup: number | null;
  readonly replacesNid: number | null;
  readonly rejected: string | null;
  readonly softFailed: boolean;
}

export async function rewriteEvents(tx: Db, rows: readonly JudgedAnew[]): Promise<void> {
  await tx`
    update events e set state_group = n.state_group, replaces_nid = n.replaces_nid, rejected = n.rejected, soft_failed = n.soft_failed
    from unnest(${rows.map((r) => r.nid)}::int8[], ${rows.map((r) => r.stateGroup)}::int8[], ${rows.map((r) => r.replacesNid)}::int8[],
                ${rows.map((r) => r.rejected)}::text[], ${rows.map((r) => r.softFailed)}::bool[])
      as n(nid, state_group, replaces_nid, rejected, soft_failed)
    where e.nid = n.nid`;
}

/** Older history stands on the state before the first event that we had, if that is the join. */
export async function moveOlderEvents(tx: Db, roomNid: number, joinedAt: number, stateGroup: number): Promise<void> {
  await tx`
    update events set state_group = ${stateGroup}
    where room_nid = ${roomNid} and stream_ordering < 0 and state_group is not null
      and not exists (select from events where room_nid = ${roomNid} and stream_ordering > 0 and stream_ordering < ${joinedAt} and state_group is not null)`;
}

export async function deleteStateDeltas(tx: Db, roomNid: number, from: number): Promise<void> {
  await tx`delete from current_state_deltas where room_nid = ${roomNid} and stream_ordering >= ${from}`;
}

/** The member events that hold for a room, by user. */
export async function memberEvents(db: Db, roomNid: number): Promise<Pick<MemberRow, "userId" | "eventNid">[]> {
  return db`select user_id as "userId", event_nid as "eventNid" from room_members where room_nid = ${roomNid}`;
}

/** Users of other servers who turned out to have nothing to do with the room. */
export async function deleteStrangers(tx: Db, roomNid: number, eventNids: readonly number[]): Promise<void> {
  await tx`
    delete from room_members m where room_nid = ${roomNid} and not is_local
      and not exists (select from unnest(${eventNids}::int8[]) as k(nid) where k.nid = m.event_nid)`;
}
