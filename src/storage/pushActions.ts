import type { Db } from "./db";

interface OutcomeColumns {
  readonly roomNid: number;
  readonly streamOrdering: number;
  /** The root of the thread, or "main". */
  readonly threadId: string;
  /** What counts add up; see the table. */
  readonly notify: number;
  readonly highlight: number;
  readonly notifies: boolean;
  readonly highlights: boolean;
  /** As encodeActions writes them. */
  readonly actions: string;
}
export interface ClassActionsRow extends OutcomeColumns {
  readonly classId: number;
}
export interface UserActionsRow extends OutcomeColumns {
  readonly userId: string;
}

/** How far a user has read by sending: a thread, or everything up to where they joined (threadId ""). */
export interface SentPositionRow {
  readonly userId: string;
  readonly roomNid: number;
  readonly threadId: string;
  readonly streamOrdering: number;
}

export async function insertClassActions(db: Db, rows: readonly ClassActionsRow[]): Promise<void> {
  await db`
    insert into event_push_classes (room_nid, in_thread, stream_ordering, class_id, thread_id, notify, highlight, notifies, highlights, actions)
    select * from unnest(${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.threadId !== "main")}::bool[],
      ${rows.map((r) => r.streamOrdering)}::int8[], ${rows.map((r) => r.classId)}::int8[], ${rows.map((r) => r.threadId)}::text[],
      ${rows.map((r) => r.notify)}::int2[], ${rows.map((r) => r.highlight)}::int2[], ${rows.map((r) => r.notifies)}::bool[],
      ${rows.map((r) => r.highlights)}::bool[], ${rows.map((r) => r.actions)}::text[])`;
}

export async function insertUserActions(db: Db, rows: readonly UserActionsRow[]): Promise<void> {
  await db`
    insert into event_push_users (user_id, room_nid, stream_ordering, thread_id, notify, highlight, notifies, highlights, actions)
    select * from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.roomNid)}::int4[],
      ${rows.map((r) => r.streamOrdering)}::int8[], ${rows.map((r) => r.threadId)}::text[], ${rows.map((r) => r.notify)}::int2[],
      ${rows.map((r) => r.highlight)}::int2[], ${rows.map((r) => r.notifies)}::bool[], ${rows.map((r) => r.highlights)}::bool[],
      ${rows.map((r) => r.actions)}::text[])`;
}

/** Several of one user, room and thread are fine: the furthest counts. */
export async function moveSentPositions(db: Db, rows: readonly SentPositionRow[]): Promise<void> {
  await db`
    insert into push_positions as p (user_id, room_nid, thread_id, stream_ordering)
    select user_id, room_nid, thread_id, max(stream_ordering)
    from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.threadId)}::text[],
                ${rows.map((r) => r.streamOrdering)}::int8[]) as n(user_id, room_nid, thread_id, stream_ordering)
    group by user_id, room_nid, thread_id order by room_nid, user_id, thread_id
    on conflict (user_id, room_nid, thread_id) do update set stream_ordering = excluded.stream_ordering
      where p.stream_ordering < excluded.stream_ordering`;
}

/** A redacted event notifies nobody any more. Gives the rooms and positions of the events that had. */
export async function deleteActionsOfEvents(db: Db, eventIds: readonly string[]): Promise<void> {
  await db`
    with gone as (
      select room_nid, stream_ordering from events where event_id = any(${eventIds}::text[]) and stream_ordering > 0
    ), users as (
      delete from event_push_users u using gone g where u.room_nid = g.room_nid and u.stream_ordering = g.stream_ordering
    )
    delete from event_push_classes c using gone g
    where c.room_nid = g.room_nid and c.in_thread = any('{f,t}'::bool[]) and c.stream_ordering = g.stream_ordering`;
}

/** Everything of rooms that are purged. */
export async function deletePushDataOfRooms(db: Db, roomNids: readonly number[]): Promise<void> {
  await Promise.all([
    db`delete from event_push_classes where room_nid = any(${roomNids}::int4[])`,
    db`delete from event_push_users where room_nid = any(${roomNids}::int4[])`,
    db`delete from push_positions where room_nid = any(${roomNids}::int4[])`,
  ]);
}

/** History of a room up to a position that is purged: nobody is notified of what is gone. */
export async function deletePushDataBefore(db: Db, roomNid: number, before: number): Promise<void> {
  await Promise.all([
    db`delete from event_push_classes where room_nid = ${roomNid} and in_thread = any('{f,t}'::bool[]) and stream_ordering < ${before}`,
    db`delete from event_push_users where room_nid = ${roomNid} and stream_ordering < ${before}`,
  ]);
}

/**
 * Forgets what happened in rooms before `before`, but for the newest `keep` events that notified somebody. This bounds what the
 * counts of a user who never reads have to add up.
 */
export async function deleteOldActions(db: Db, roomNids: readonly number[], before: number, keep: number): Promise<void> {
  await db`
    with kept as materialized (
      select k.room_nid, lane.in_thread, least(oldest.stream_ordering, ${before}::int8) as stream_ordering
      from unnest(${roomNids}::int4[]) as k(room_nid) cross join (values (false), (true)) as lane(in_thread)
      cross join lateral (
        select stream_ordering from event_push_classes
        where room_nid = k.room_nid and in_thread = lane.in_thread and class_id = 0 order by stream_ordering desc offset ${keep - 1} limit 1
      ) oldest
    ), users as (
      delete from event_push_users u using kept k
      where u.room_nid = k.room_nid and u.stream_ordering < k.stream_ordering and (u.thread_id <> 'main') = k.in_thread
    )
    delete from event_push_classes c using kept k
    where c.room_nid = k.room_nid and c.in_thread = k.in_thread and c.stream_ordering < k.stream_ordering`;
}

/** Rooms that have rows here, in pages by number. */
export async function roomsWithActions(db: Db, afterNid: number, limit: number): Promise<number[]> {
  // Jumps from room to room along the index, however many rows lie between.
  const rows = await db<{ roomNid: number }>`
    with recursive found as (
      (select room_nid, 1 as n from event_push_classes where room_nid > ${afterNid} order by room_nid limit 1)
      union all
      select next.room_nid, f.n + 1 from found f cross join lateral (
        select room_nid from event_push_classes where room_nid > f.room_nid order by room_nid limit 1
      ) next where f.n < ${limit}
    )
    select room_nid as "roomNid" from found order by room_nid`;
  return rows.map((row) => row.roomNid);
}

/** When the first event at or after a position arrived; undefined past the newest. */
export async function arrivalAt(db: Db, position: number): Promise<number | undefined> {
  const rows = await db<{ ts: number }>`
    select received_ts as ts from events where stream_ordering >= ${position} order by stream_ordering limit 1`;
  return rows[0]?.ts;
}
