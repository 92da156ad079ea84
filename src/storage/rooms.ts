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
