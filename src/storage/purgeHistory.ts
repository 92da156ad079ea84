import type { Db } from "./db";
import { deleteActionsOfEvents } from "./pushActions";

/** Which events of a room are history that is to go. */
export interface HistoryToPurge {
  readonly roomNid: number;
  /** Depth: what is at it or deeper stays. */
  readonly before: number;
  /** Whether the messages of our own users go, too, which nobody else may have. */
  readonly deleteLocal: boolean;
  readonly serverName: string;
}

interface PurgedEvent {
  readonly nid: number;
  readonly eventId: string;
  readonly streamOrdering: number;
  /** It loses its place in the history, but stays where others refer to it: all state does. */
  readonly stays: boolean;
}

/**
 * Some events with a place in the history to purge. The room's ends and its newest event keep theirs, and so do invitations that are
 * open, since their targets are shown the room as it was then.
 */
async function eventsToPurge(db: Db, { roomNid, before, deleteLocal, serverName }: HistoryToPurge, limit: number): Promise<PurgedEvent[]> {
  return db<PurgedEvent>`
    select e.nid, e.event_id as "eventId", e.stream_ordering as "streamOrdering",
           e.state_key is not null or (not ${deleteLocal}::bool and substr(e.sender, strpos(e.sender, ':') + 1) = ${serverName}) as stays
    from events e
    where e.room_nid = ${roomNid} and e.depth < ${before} and e.stream_ordering is not null
      and not exists (select from room_tips t
                      where t.room_nid = e.room_nid and (e.nid = any(t.extremities) or e.stream_ordering = t.latest_stream))
      and (e.type <> 'm.room.member' or not exists (
        select from room_members m where m.room_nid = e.room_nid and m.user_id = e.state_key and m.event_nid = e.nid
          and m.is_local and m.membership in ('invite', 'knock')))
    order by e.depth, e.stream_ordering limit ${limit}`;
}

/** Messages that an earlier purge left without a place. */
async function deleteUnplaced(db: Db, { roomNid, before }: HistoryToPurge, limit: number): Promise<number> {
  const rows = await db`
    delete from events where nid = any(array(
      select nid from events where room_nid = ${roomNid} and stream_ordering is null and state_key is null and depth < ${before} limit ${limit}
    )) returning nid`;
  return rows.length;
}

/** The events stream has come so far, even if nothing of it is left. */
export async function noteDeletedEvents(db: Db, upTo: number): Promise<void> {
  await db`update deleted_events set up_to = ${upTo} where up_to < ${upTo}`;
}

/** Purges some of a room's history, in a transaction in which nobody else writes to the room. Gives the number of events, 0 when nothing is left. */
export async function purgeSomeHistory(tx: Db, history: HistoryToPurge, limit: number): Promise<number> {
  const events = await eventsToPurge(tx, history, limit);
  if (events.length === 0) return history.deleteLocal ? deleteUnplaced(tx, history, limit) : 0;
  const nids = events.map(({ nid }) => nid);
  await Promise.all([
    // Asks where the events stand, so it comes first.
    deleteActionsOfEvents(
      tx,
      events.map(({ eventId }) => eventId),
    ),
    noteDeletedEvents(tx, Math.max(...events.map(({ streamOrdering }) => streamOrdering))),
    tx`delete from event_relations where nid = any(${nids}::int8[])`,
    tx`delete from event_search where nid = any(${nids}::int8[])`,
    tx`update events set stream_ordering = null, state_group = null where nid = any(${events.flatMap((e) => (e.stays ? [e.nid] : []))}::int8[])`,
    tx`delete from events where nid = any(${events.flatMap((e) => (e.stays ? [] : [e.nid]))}::int8[])`,
    // Whoever holds this room in memory without being its owner must fail to write to it.
    tx`update room_tips set tip_version = tip_version + 1 where room_nid = ${history.roomNid}`,
  ]);
  return events.length;
}

/** State groups of a room that neither an event nor the room's tip needs, nor another group that is a delta on them. */
export async function unneededStateGroups(db: Db, roomNid: number): Promise<number[]> {
  const rows = await db<{ id: number }>`
    with recursive needed as (
      select state_group as id from room_tips where room_nid = ${roomNid}
      union
      select state_group from events where room_nid = ${roomNid} and state_group is not null
      union
      select g.prev_id from needed n join state_groups g on g.id = n.id where g.prev_id is not null
    )
    select g.id from state_groups g where g.room_nid = ${roomNid} and not exists (select from needed n where n.id = g.id)`;
  return rows.map(({ id }) => id);
}

export async function deleteStateGroups(db: Db, ids: readonly number[]): Promise<void> {
  await db`delete from state_groups where id = any(${ids}::int8[])`;
}

/** Where history begins that a room received after a time, as a depth; where it received nothing after it, that of its newest event. */
export async function depthAtTime(db: Db, roomNid: number, ts: number): Promise<number | undefined> {
  const rows = await db<{ depth: number }>`
    (select depth, stream_ordering from events
     where room_nid = ${roomNid} and stream_ordering > 0 and received_ts > ${ts} order by stream_ordering limit 1)
    union all
    (select depth, stream_ordering from events where room_nid = ${roomNid} and stream_ordering > 0 order by stream_ordering desc limit 1)
    order by stream_ordering limit 1`;
  return rows[0]?.depth;
}
