import type { Db } from "./db";

/** A room of the directory. */
export interface PublicRoomRow {
  readonly roomId: string;
  readonly name: string | null;
  readonly topic: string | null;
  readonly canonicalAlias: string | null;
  readonly avatarUrl: string | null;
  readonly joinRule: string | null;
  readonly historyVisibility: string | null;
  readonly guestAccess: string | null;
  readonly roomType: string | null;
  readonly joinedMembers: number;
}

/** Which directory: that of this server, that of a network which an application service bridges, or all of them as one. */
export type Directory = "own" | "all" | { readonly serviceId: string; readonly networkId: string };

export interface PageStart {
  readonly direction: "forward" | "backward";
  readonly joinedMembers: number;
  readonly roomId: string;
}

export interface PublicRoomQuery {
  readonly directory: Directory;
  readonly limit: number;
  /** Rooms after or before this one, in order of size and id. */
  readonly start: PageStart | undefined;
  readonly search: string | undefined;
  /** Undefined: all. null among them stands for rooms without a type. */
  readonly types: readonly (string | null)[] | undefined;
}

function networkOf(directory: Directory): { all: boolean; serviceId: string | null; networkId: string | null } {
  if (typeof directory === "string") return { all: directory === "all", serviceId: null, networkId: null };
  return { all: false, ...directory };
}

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, "\\$&");

/**
 * Published rooms, the largest first, or backward those nearest to the start first; those without members are hidden. Ask for one more than
 * wanted to learn whether there are more.
 */
export async function publicRooms(db: Db, query: PublicRoomQuery): Promise<PublicRoomRow[]> {
  const pattern = query.search === undefined ? null : `%${escapeLike(query.search.toLowerCase())}%`;
  const types = query.types?.filter((type) => type !== null) ?? null;
  const { all, serviceId, networkId } = networkOf(query.directory);
  const untyped = query.types?.includes(null) ?? false;
  const { joinedMembers = null, roomId = null } = query.start ?? {};
  const backward = query.start?.direction === "backward";
  return db<PublicRoomRow>`
    select r.room_id as "roomId", s.name, s.topic, s.canonical_alias as "canonicalAlias", s.avatar_url as "avatarUrl",
           s.join_rule as "joinRule", s.history_visibility as "historyVisibility", s.guest_access as "guestAccess",
           s.room_type as "roomType", s.joined_members as "joinedMembers"
    from rooms r join room_stats s using (room_nid)
    where s.joined_members > 0
      and (${serviceId}::text is null and r.is_public or (${all} or ${serviceId}::text is not null) and exists (
        select from appservice_room_list l
        where l.room_nid = r.room_nid and (${all} or l.service_id = ${serviceId} and l.network_id = ${networkId})))
      and (${joinedMembers}::int4 is null
           or case when ${backward} then (s.joined_members, r.room_id) > (${joinedMembers}::int4, ${roomId}::text)
              else (s.joined_members, r.room_id) < (${joinedMembers}::int4, ${roomId}::text) end)
      and (${pattern}::text is null or lower(s.name) like ${pattern} or lower(s.topic) like ${pattern} or lower(s.canonical_alias) like ${pattern})
      and (${types}::text[] is null or s.room_type = any(${types}::text[]) or (${untyped} and s.room_type is null))
    order by case when ${backward} then s.joined_members end, case when ${backward} then r.room_id end,
             s.joined_members desc, r.room_id desc
    limit ${query.limit}`;
}

export async function countPublicRooms(db: Db, directory: Directory): Promise<number> {
  const { all, serviceId, networkId } = networkOf(directory);
  const rows = await db<{ count: number }>`
    select count(*) as count from rooms r join room_stats s using (room_nid)
    where s.joined_members > 0
      and (${serviceId}::text is null and r.is_public or (${all} or ${serviceId}::text is not null) and exists (
        select from appservice_room_list l
        where l.room_nid = r.room_nid and (${all} or l.service_id = ${serviceId} and l.network_id = ${networkId})))`;
  return rows[0]?.count ?? 0;
}

/** Lists a room in the directory of a network. */
export async function addToNetwork(db: Db, serviceId: string, networkId: string, roomNid: number): Promise<void> {
  await db`
    insert into appservice_room_list (service_id, network_id, room_nid) values (${serviceId}, ${networkId}, ${roomNid})
    on conflict do nothing`;
}

export async function removeFromNetwork(db: Db, serviceId: string, networkId: string, roomNid: number): Promise<void> {
  await db`delete from appservice_room_list where service_id = ${serviceId} and network_id = ${networkId} and room_nid = ${roomNid}`;
}
