import type { Db } from "./db";

/** A room as administrators see it, as far as tables tell. */
export interface ListedRoom {
  readonly roomNid: number;
  readonly roomId: string;
  readonly version: string;
  readonly isPublic: boolean;
  readonly name: string | null;
  readonly topic: string | null;
  readonly avatarUrl: string | null;
  readonly canonicalAlias: string | null;
  readonly encryption: string | null;
  readonly joinRule: string | null;
  readonly guestAccess: string | null;
  readonly historyVisibility: string | null;
  readonly roomType: string | null;
  readonly joinedMembers: number;
  readonly localMembers: number;
}

export type RoomOrder =
  | "name"
  | "canonical_alias"
  | "joined_members"
  | "joined_local_members"
  | "version"
  | "creator"
  | "encryption"
  | "public"
  | "join_rules"
  | "guest_access"
  | "history_visibility";

export interface RoomFilter {
  /** Part of the name or of the alias, or the whole id. */
  readonly search: string | undefined;
  readonly isPublic: boolean | undefined;
  readonly isEmpty: boolean | undefined;
}

export interface RoomPage {
  readonly from: number;
  readonly limit: number;
  readonly orderBy: RoomOrder;
  readonly isDescending: boolean;
}

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, "\\$&");

/** A page of the rooms that have a state here, and how many there are in all. */
export async function listRooms(db: Db, filter: RoomFilter, page: RoomPage): Promise<{ rooms: ListedRoom[]; total: number }> {
  const { from, limit, orderBy, isDescending } = page;
  const term = filter.search ?? null;
  const inName = term === null ? null : `%${escapeLike(term.toLowerCase())}%`;
  const inAlias = term === null ? null : `#%${escapeLike(term.toLowerCase())}%:%`;
  const isPublic = filter.isPublic ?? null;
  const isEmpty = filter.isEmpty ?? null;
  const [rooms, [count]] = await Promise.all([
    db<ListedRoom>`
      select r.room_nid as "roomNid", r.room_id as "roomId", r.version, r.is_public as "isPublic", s.name, s.topic,
             s.avatar_url as "avatarUrl", s.canonical_alias as "canonicalAlias", s.encryption, s.join_rule as "joinRule",
             s.guest_access as "guestAccess", s.history_visibility as "historyVisibility", s.room_type as "roomType",
             s.joined_members as "joinedMembers", s.local_members as "localMembers"
      from rooms r join room_stats s using (room_nid), lateral (select
        case ${orderBy} when 'joined_members' then s.joined_members when 'joined_local_members' then s.local_members
          when 'public' then r.is_public::int end as number,
        case ${orderBy} when 'name' then s.name when 'canonical_alias' then s.canonical_alias when 'version' then r.version
          when 'creator' then r.creator when 'encryption' then s.encryption when 'join_rules' then s.join_rule
          when 'guest_access' then s.guest_access when 'history_visibility' then s.history_visibility end as text) as key
      where (${inName}::text is null or lower(s.name) like ${inName} or lower(s.canonical_alias) like ${inAlias} or r.room_id = ${term})
        and (${isPublic}::bool is null or r.is_public = ${isPublic}) and (${isEmpty}::bool is null or (s.joined_members = 0) = ${isEmpty})
      order by number * (case when ${isDescending}::bool then -1 else 1 end),
        case when not ${isDescending}::bool then text end asc, case when ${isDescending}::bool then text end desc, r.room_id
      limit ${limit} offset ${from}`,
    db<{ total: number }>`
      select count(*) as total from rooms r join room_stats s using (room_nid)
      where (${inName}::text is null or lower(s.name) like ${inName} or lower(s.canonical_alias) like ${inAlias} or r.room_id = ${term})
        and (${isPublic}::bool is null or r.is_public = ${isPublic}) and (${isEmpty}::bool is null or (s.joined_members = 0) = ${isEmpty})`,
  ]);
  return { rooms, total: count?.total ?? 0 };
}

/** Devices of the users of this server in a room, and whether they all left it and forgot it. */
export async function localUseOf(db: Db, roomNid: number): Promise<{ devices: number; isForgotten: boolean }> {
  const rows = await db<{ devices: number; isForgotten: boolean }>`
    select (select count(*) from room_members m join devices d using (user_id)
            where m.room_nid = ${roomNid} and m.is_local and m.membership = 'join') as devices,
           not exists (select from room_members m where m.room_nid = ${roomNid} and m.is_local and not m.forgotten) as "isForgotten"`;
  return rows[0] ?? { devices: 0, isForgotten: true };
}
