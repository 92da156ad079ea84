import type { Db } from "./db";

/** What a room shows of itself, out of the statistics that are kept of its state. */
export interface RoomFaceRow {
  readonly roomNid: number;
  readonly roomId: string;
  readonly name: string | null;
  readonly topic: string | null;
  readonly canonicalAlias: string | null;
  readonly avatarUrl: string | null;
  readonly joinRule: string | null;
  readonly historyVisibility: string | null;
  readonly guestAccess: string | null;
  readonly encryption: string | null;
  readonly roomType: string | null;
  readonly joinedMembers: number;
  readonly localMembers: number;
}

export async function getRoomFaces(db: Db, roomIds: readonly string[]): Promise<RoomFaceRow[]> {
  return db<RoomFaceRow>`
    select room_nid as "roomNid", r.room_id as "roomId", s.name, s.topic, s.canonical_alias as "canonicalAlias", s.avatar_url as "avatarUrl",
           s.join_rule as "joinRule", s.history_visibility as "historyVisibility", s.guest_access as "guestAccess", s.encryption,
           s.room_type as "roomType", s.joined_members as "joinedMembers", s.local_members as "localMembers"
    from rooms r join room_stats s using (room_nid) where r.room_id = any(${roomIds}::text[])`;
}
