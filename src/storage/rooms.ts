import type { Db } from "./db";

export interface RoomRow {
  readonly roomNid: number;
  readonly roomId: string;
  readonly version: string;
  readonly creator: string | null;
  readonly isPublic: boolean;
}

/** Stores rooms; the room id must be new. */
export async function insertRooms(db: Db, rooms: readonly (RoomRow & { createdTs: number })[]): Promise<void> {
  await db`
    insert into rooms (room_nid, room_id, version, creator, is_public, created_ts)
    select * from unnest(${rooms.map((r) => r.roomNid)}::int4[], ${rooms.map((r) => r.roomId)}::text[], ${rooms.map((r) => r.version)}::text[],
      ${rooms.map((r) => r.creator)}::text[], ${rooms.map((r) => r.isPublic)}::bool[], ${rooms.map((r) => r.createdTs)}::int8[])`;
}

export async function getRooms(db: Db, roomIds: readonly string[]): Promise<RoomRow[]> {
  return db<RoomRow>`
    select room_nid as "roomNid", room_id as "roomId", version, creator, is_public as "isPublic"
    from rooms where room_id = any(${roomIds}::text[])`;
}

export async function getRoomsByNid(db: Db, roomNids: readonly number[]): Promise<RoomRow[]> {
  return db<RoomRow>`
    select room_nid as "roomNid", room_id as "roomId", version, creator, is_public as "isPublic"
    from rooms where room_nid = any(${roomNids}::int4[])`;
}

export async function setRoomPublic(db: Db, roomNid: number, isPublic: boolean): Promise<void> {
  await db`update rooms set is_public = ${isPublic} where room_nid = ${roomNid}`;
}

/** Where a room stands: what the next event builds on. */
export interface TipRow {
  readonly roomNid: number;
  readonly tipVersion: number;
  readonly extremities: number[];
  readonly depth: number;
  readonly stateGroup: number;
  readonly latestStream: number;
}

export async function getTips(db: Db, roomNids: readonly number[]): Promise<TipRow[]> {
  return db<TipRow>`
    select room_nid as "roomNid", tip_version as "tipVersion", extremities, depth, state_group as "stateGroup",
           latest_stream as "latestStream"
    from room_tips where room_nid = any(${roomNids}::int4[])`;
}

/** Rooms with more than so many forward extremities, those with most first. */
export async function roomsWithManyEnds(db: Db, moreThan: number, except: readonly number[], limit: number): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`
    select room_nid as "roomNid" from room_tips
    where cardinality(extremities) > ${moreThan} and room_nid <> all(${except}::int4[])
    order by cardinality(extremities) desc limit ${limit}`;
  return rows.map(({ roomNid }) => roomNid);
}

export async function insertTips(db: Db, tips: readonly TipRow[]): Promise<void> {
  await db`
    insert into room_tips (room_nid, tip_version, extremities, depth, state_group, latest_stream)
    select room_nid, tip_version, string_to_array(extremities, ',')::int8[], depth, state_group, latest_stream
    from unnest(${tips.map((t) => t.roomNid)}::int4[], ${tips.map((t) => t.tipVersion)}::int8[],
                ${tips.map((t) => t.extremities.join(","))}::text[], ${tips.map((t) => t.depth)}::int8[],
                ${tips.map((t) => t.stateGroup)}::int8[], ${tips.map((t) => t.latestStream)}::int8[])
      as n(room_nid, tip_version, extremities, depth, state_group, latest_stream)`;
}

/** Moves tips on where the stored version is the expected one. Gives how many moved: fewer than asked for means that another writer was there. */
export async function moveTips(db: Db, tips: readonly (TipRow & { readonly expected: number })[]): Promise<number> {
  const rows = await db`
    update room_tips t set
      tip_version = n.tip_version, extremities = string_to_array(n.extremities, ',')::int8[], depth = n.depth,
      state_group = n.state_group, latest_stream = n.latest_stream
    from unnest(${tips.map((t) => t.roomNid)}::int4[], ${tips.map((t) => t.tipVersion)}::int8[], ${tips.map((t) => t.expected)}::int8[],
                ${tips.map((t) => t.extremities.join(","))}::text[], ${tips.map((t) => t.depth)}::int8[],
                ${tips.map((t) => t.stateGroup)}::int8[], ${tips.map((t) => t.latestStream)}::int8[])
      as n(room_nid, tip_version, expected, extremities, depth, state_group, latest_stream)
    where t.room_nid = n.room_nid and t.tip_version = n.expected
    returning t.room_nid`;
  return rows.length;
}

export interface ExtremityRow {
  readonly eventId: string;
  readonly stateGroup: number | null;
  readonly depth: number;
  readonly receivedTs: number;
}

/** The ends of a room on which its next event will build. */
export async function getExtremities(db: Db, roomNid: number): Promise<ExtremityRow[]> {
  return db<ExtremityRow>`
    select event_id as "eventId", e.state_group as "stateGroup", e.depth, received_ts as "receivedTs"
    from room_tips t join events e on e.nid = any(t.extremities) where t.room_nid = ${roomNid} order by e.stream_ordering`;
}

/** The newest of them is left. Gives how many went. Only for the owner of the room. */
export async function keepNewestExtremity(db: Db, roomNid: number): Promise<number> {
  const rows = await db<{ gone: number }>`
    with old as (select room_nid, extremities from room_tips where room_nid = ${roomNid} and cardinality(extremities) > 1 for update)
    update room_tips t set tip_version = tip_version + 1,
      extremities = array(select nid from events where nid = any(old.extremities) order by stream_ordering desc nulls last limit 1)
    from old where t.room_nid = old.room_nid
    returning cardinality(old.extremities) - 1 as gone`;
  return rows[0]?.gone ?? 0;
}

/** All rooms, by their ids, page by page. */
export async function roomIdsAfter(db: Db, after: string, limit: number): Promise<string[]> {
  const rows = await db<{ roomId: string }>`
    select room_id as "roomId" from rooms where room_id > ${after} order by room_id limit ${limit}`;
  return rows.map(({ roomId }) => roomId);
}
