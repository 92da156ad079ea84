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
  | "history_visibility"
  | "federatable"
  | "state_events";

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
  const rows = await db<{ rooms: ListedRoom[]; total: number }>`
    with found as (
      select r.room_nid as "roomNid", r.room_id as "roomId", r.version, r.creator, r.is_public as "isPublic", s.name, s.topic,
             s.avatar_url as "avatarUrl", s.canonical_alias as "canonicalAlias", s.encryption, s.join_rule as "joinRule",
             s.guest_access as "guestAccess", s.history_visibility as "historyVisibility", s.room_type as "roomType",
             s.joined_members as "joinedMembers", s.local_members as "localMembers"
      from rooms r join room_stats s using (room_nid)
      where (${inName}::text is null or lower(s.name) like ${inName} or lower(s.canonical_alias) like ${inAlias} or r.room_id = ${term})
        and (${isPublic}::bool is null or r.is_public = ${isPublic}) and (${isEmpty}::bool is null or (s.joined_members = 0) = ${isEmpty})
    ), page as (
      select found.* from found cross join lateral (select
        case ${orderBy} when 'joined_members' then "joinedMembers" when 'joined_local_members' then "localMembers"
          when 'public' then "isPublic"::int
          -- The first move of a room's state is that of its create event.
          when 'federatable' then (
            select ((e.json::json -> 'content' ->> 'm.federate') is distinct from 'false')::int
            from events e where e.nid = (
              select d.nid from current_state_deltas d
              where d.room_nid = "roomNid" and d.key_nid = (select key_nid from state_keys where type = 'm.room.create' and state_key = '')
              order by d.stream_ordering limit 1))
          when 'state_events' then (
            select count(d.nid) - count(d.prev_nid) from current_state_deltas d where d.room_nid = "roomNid") end as number,
        case ${orderBy} when 'name' then name when 'canonical_alias' then "canonicalAlias" when 'version' then version
          when 'creator' then creator when 'encryption' then encryption when 'join_rules' then "joinRule"
          when 'guest_access' then "guestAccess" when 'history_visibility' then "historyVisibility" end as text) key
      order by key.number * (case when ${isDescending}::bool then -1 else 1 end),
        case when not ${isDescending}::bool then key.text end asc, case when ${isDescending}::bool then key.text end desc, "roomId"
      limit ${limit} offset ${from}
    )
    select (select count(*) from found) as total, (select coalesce(json_agg(page), '[]') from page) as rooms`;
  return rows[0] ?? { rooms: [], total: 0 };
}

/** Devices of the users of this server in a room, and whether they all left it and forgot it. */
export async function localUseOf(db: Db, roomNid: number): Promise<{ devices: number; isForgotten: boolean }> {
  const rows = await db<{ devices: number; isForgotten: boolean }>`
    select (select count(*) from room_members m join devices d using (user_id)
            where m.room_nid = ${roomNid} and m.is_local and m.membership = 'join') as devices,
           not exists (select from room_members m where m.room_nid = ${roomNid} and m.is_local and not m.forgotten) as "isForgotten"`;
  return rows[0] ?? { devices: 0, isForgotten: true };
}
