import type { Db } from "./db";

/** An event that other servers are to get from us. */
export interface OutgoingEvent {
  readonly nid: number;
  readonly position: number;
  readonly roomNid: number;
  /** Whose membership it sets, where it does. */
  readonly member: string | null;
  /** The server that gave it to us to hand it on; null for events of our own users. */
  readonly origin: string | null;
}

/**
 * Events with from < position <= to that we send: those of our users, and those that came to us to be handed on. Left out is what only
 * this server knows of: rejected and soft-failed events, memberships in rooms that we aren't in, and events that do nothing but tie ends.
 */
export async function outgoingEvents(db: Db, serverName: string, from: number, to: number): Promise<OutgoingEvent[]> {
  return db<OutgoingEvent>`
    select e.nid, e.stream_ordering as position, e.room_nid as "roomNid", r.origin,
           case when e.type = 'm.room.member' then e.state_key end as member
    from events e left join federation_relays r using (event_id)
    where e.stream_ordering > ${from} and e.stream_ordering <= ${to}
      and e.rejected is null and not e.soft_failed and e.state_group is not null and e.type <> 'org.matrix.dummy_event'
      and (substr(e.sender, strpos(e.sender, ':') + 1) = ${serverName} or r.event_id is not null)
    order by e.stream_ordering`;
}

/** How the membership of a user of another server moved in the current state of a room: from one event to another. */
export interface MemberMove {
  readonly roomNid: number;
  readonly position: number;
  readonly userId: string;
  readonly prevNid: number | null;
  readonly nid: number | null;
}

/** Keys of members in a state (migration 0001). */
const FIRST_MEMBER_KEY = 2 ** 30;

/** Moves with from < position <= to, in order. */
export async function memberMovesBetween(db: Db, serverName: string, from: number, to: number): Promise<MemberMove[]> {
  return db<MemberMove>`
    select d.room_nid as "roomNid", d.stream_ordering as position, k.state_key as "userId", d.prev_nid as "prevNid", d.nid
    from events e
    join current_state_deltas d on d.room_nid = e.room_nid and d.stream_ordering = e.stream_ordering and d.key_nid >= ${FIRST_MEMBER_KEY}
    join state_keys k using (key_nid)
    where e.stream_ordering > ${from} and e.stream_ordering <= ${to}
      and substr(k.state_key, strpos(k.state_key, ':') + 1) <> ${serverName}
    order by d.stream_ordering`;
}

/** Where the hosts of a room stand now, and what moved them since a position. Both as of one moment. */
export interface HostsSince {
  readonly roomNid: number;
  /** Joined users by host. */
  readonly hosts: Readonly<Record<string, number>>;
  readonly moves: readonly MemberMove[];
}

/** The other servers in rooms, with the moves after a position. Where members are still to come, each that is said to be there counts once more. */
export async function hostsOfRooms(db: Db, serverName: string, roomNids: readonly number[], after: number): Promise<HostsSince[]> {
  return db<HostsSince>`
    select r.room_nid as "roomNid",
      (select coalesce(json_object_agg(host, n), '{}') from (
         select host, count(*) as n from (
           select substr(m.user_id, strpos(m.user_id, ':') + 1) as host from room_members m
           where m.room_nid = r.room_nid and m.membership = 'join' and not m.is_local
           union all
           select unnest(p.hosts) from partial_rooms p where p.room_nid = r.room_nid) one
         where host <> ${serverName} group by 1) h) as hosts,
      (select coalesce(json_agg(json_build_object('roomNid', d.room_nid, 'position', d.stream_ordering, 'userId', k.state_key,
                                                  'prevNid', d.prev_nid, 'nid', d.nid) order by d.stream_ordering), '[]')
       from current_state_deltas d join state_keys k using (key_nid)
       where d.room_nid = r.room_nid and d.stream_ordering > ${after} and d.key_nid >= ${FIRST_MEMBER_KEY}
         and substr(k.state_key, strpos(k.state_key, ':') + 1) <> ${serverName}) as moves
    from unnest(${roomNids}::int4[]) as r(room_nid)`;
}

/** An event that a server has missed, with what tells whether it was in the room then. */
export interface MissedEvent {
  readonly nid: number;
  readonly position: number;
  /** Its joined users now. */
  readonly joined: number;
  /** What moved its users since, or with the event. */
  readonly moves: readonly MemberMove[];
  /** Whether the event sets the membership of one of its users. */
  readonly concerns: boolean;
}

export interface MissedRange {
  readonly destination: string;
  readonly serverName: string;
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
}

/**
 * Of each room that a server has to do with, the newest event in the range that we send, the oldest of these first. Where its users
 * were made to leave, the newest event that did so.
 */
export async function missedEvents(db: Db, { destination, serverName, after, upTo, limit }: MissedRange): Promise<MissedEvent[]> {
  return db<MissedEvent>`
    with places as (
      select room_nid, count(*) filter (where membership = 'join') as joined, max(event_nid) filter (where membership in ('leave', 'ban')) as out
      from room_members where substr(user_id, strpos(user_id, ':') + 1) = ${destination} and not is_local group by room_nid
    ), newest as (
      select p.room_nid, p.joined, e.* from places p
      cross join lateral (
        select e.nid, e.stream_ordering, e.state_key, e.type from events e left join federation_relays r using (event_id)
        where e.room_nid = p.room_nid and e.stream_ordering > ${after} and e.stream_ordering <= ${upTo} and (p.joined > 0 or e.nid = p.out)
          and e.rejected is null and not e.soft_failed and e.state_group is not null and e.type <> 'org.matrix.dummy_event'
          and (substr(e.sender, strpos(e.sender, ':') + 1) = ${serverName} or r.origin <> ${destination})
        order by e.stream_ordering desc limit 1
      ) e
    )
    select nid, stream_ordering as position, joined,
      type = 'm.room.member' and substr(state_key, strpos(state_key, ':') + 1) = ${destination} as concerns,
      (select coalesce(json_agg(json_build_object('roomNid', d.room_nid, 'position', d.stream_ordering, 'userId', k.state_key,
                                                  'prevNid', d.prev_nid, 'nid', d.nid)), '[]')
       from current_state_deltas d join state_keys k using (key_nid)
       where d.room_nid = n.room_nid and d.stream_ordering >= n.stream_ordering and d.key_nid >= ${FIRST_MEMBER_KEY}
         and substr(k.state_key, strpos(k.state_key, ':') + 1) = ${destination}) as moves
    from newest n order by stream_ordering limit ${limit}`;
}
