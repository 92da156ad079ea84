import type { Db } from "./db";

/** What lists of rooms show and sort by. */
export interface RoomGlanceRow {
  readonly roomNid: number;
  readonly name: string | null;
  readonly avatarUrl: string | null;
  readonly encryption: string | null;
  readonly roomType: string | null;
  readonly joinedMembers: number;
  readonly invitedMembers: number;
  /** Position of the newest event. */
  readonly latest: number;
  /** Position of the newest event that counts as activity (MSC4186, "bump_stamp"). */
  readonly bump: number | null;
}

/** Rooms in which this server is or was; others it knows by invitations only. The types are those of the index events_bump. */
export async function roomGlances(db: Db, roomNids: readonly number[]): Promise<RoomGlanceRow[]> {
  return db<RoomGlanceRow>`
    select t.room_nid as "roomNid", s.name, s.avatar_url as "avatarUrl", s.encryption, s.room_type as "roomType",
           coalesce(s.joined_members, 0) as "joinedMembers", coalesce(s.invited_members, 0) as "invitedMembers",
           t.latest_stream as latest,
           (select max(e.stream_ordering) from events e
            where e.room_nid = t.room_nid and e.rejected is null and not e.soft_failed and e.type in
              ('m.room.create', 'm.room.message', 'm.room.encrypted', 'm.sticker', 'm.call.invite', 'm.poll.start', 'm.beacon_info')
           ) as bump
    from room_tips t left join room_stats s using (room_nid) where t.room_nid = any(${roomNids}::int4[])`;
}
