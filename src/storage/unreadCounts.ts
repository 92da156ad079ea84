import type { Db } from "./db";
import type { ClassActionsRow, SentPositionRow, UserActionsRow } from "./pushActions";

/** What to add up for one user: rooms with where reading begins, their classes over time, and threads read further. */
export interface CountRequest {
  readonly userId: string;
  /** Nothing after this position counts. */
  readonly upTo: number;
  /** Read up to here whatever the thread: join, unthreaded receipts. */
  readonly rooms: readonly { readonly roomNid: number; readonly after: number }[];
  readonly threads: readonly { readonly roomNid: number; readonly threadId: string; readonly after: number }[];
  /** Classes other than 0, with after < position <= upTo of each. */
  readonly classes: readonly { readonly roomNid: number; readonly classId: number; readonly after: number; readonly upTo: number }[];
}

export interface ThreadCountRow {
  readonly roomNid: number;
  readonly threadId: string;
  readonly notify: number;
  readonly highlight: number;
}

/**
 * Unread counts per room and thread, zeros left out. The main timeline is read from where it was read to, so that users of
 * threaded receipts do not pay for all messages since they joined.
 */
export async function countUnread(db: Db, request: CountRequest): Promise<ThreadCountRow[]> {
  const { userId, upTo, rooms, threads, classes } = request;
  const mains = new Map(threads.filter((t) => t.threadId === "main").map((t) => [t.roomNid, t.after]));
  return db<ThreadCountRow>`
    with ranges as materialized (
      select room_nid, main_after, after, 0::int8 as class_id, ${upTo}::int8 as up_to
      from unnest(${rooms.map((r) => r.roomNid)}::int4[], ${rooms.map((r) => Math.max(r.after, mains.get(r.roomNid) ?? 0))}::int8[],
                  ${rooms.map((r) => r.after)}::int8[]) as r(room_nid, main_after, after)
      union all
      select room_nid, greatest(after, main_after), after, class_id, up_to
      from unnest(${classes.map((c) => c.roomNid)}::int4[], ${classes.map((c) => mains.get(c.roomNid) ?? 0)}::int8[],
                  ${classes.map((c) => c.after)}::int8[], ${classes.map((c) => c.classId)}::int8[],
                  ${classes.map((c) => c.upTo)}::int8[]) as c(room_nid, main_after, after, class_id, up_to)
    ), read as (
      select * from unnest(${threads.map((t) => t.roomNid)}::int4[], ${threads.map((t) => t.threadId)}::text[],
                           ${threads.map((t) => t.after)}::int8[]) as t(room_nid, thread_id, after)
    ), found as (
      select c.room_nid, c.thread_id, c.stream_ordering, c.notify, c.highlight from ranges r
      join event_push_classes c on c.room_nid = r.room_nid and not c.in_thread and c.class_id = r.class_id
        and c.stream_ordering > r.main_after and c.stream_ordering <= r.up_to
      union all
      select c.room_nid, c.thread_id, c.stream_ordering, c.notify, c.highlight from ranges r
      join event_push_classes c on c.room_nid = r.room_nid and c.in_thread and c.class_id = r.class_id
        and c.stream_ordering > r.after and c.stream_ordering <= r.up_to
      union all
      select u.room_nid, u.thread_id, u.stream_ordering, u.notify, u.highlight from ranges r
      join event_push_users u on u.user_id = ${userId} and u.room_nid = r.room_nid
        and u.stream_ordering > r.after and u.stream_ordering <= r.up_to
      where r.class_id = 0
    )
    select f.room_nid as "roomNid", f.thread_id as "threadId", sum(f.notify)::int4 as notify, sum(f.highlight)::int4 as highlight
    from found f left join read t on t.room_nid = f.room_nid and t.thread_id = f.thread_id
    where t.after is null or f.stream_ordering > t.after
    group by f.room_nid, f.thread_id
    having sum(f.notify) <> 0 or sum(f.highlight) <> 0`;
}

/** Where a user joined rooms and how far they have read by sending. */
export async function sentPositions(db: Db, userId: string, roomNids: readonly number[]): Promise<SentPositionRow[]> {
  return db<SentPositionRow>`
    select user_id as "userId", room_nid as "roomNid", thread_id as "threadId", stream_ordering as "streamOrdering"
    from push_positions where user_id = ${userId} and room_nid = any(${roomNids}::int4[])`;
}

type Recent<Row> = Pick<Row, Extract<keyof Row, "roomNid" | "streamOrdering" | "threadId" | "notify" | "highlight">>;
export type RecentClassRow = Recent<ClassActionsRow> & Pick<ClassActionsRow, "classId">;
export type RecentUserRow = Recent<UserActionsRow> & Pick<UserActionsRow, "userId">;

/** What happened in rooms after a position of each and up to another, for readers that keep counts in memory. */
export async function recentClassActions(
  db: Db,
  roomNids: readonly number[],
  after: readonly number[],
  upTo: number,
): Promise<RecentClassRow[]> {
  return db<RecentClassRow>`
    select c.room_nid as "roomNid", c.stream_ordering as "streamOrdering", c.thread_id as "threadId", c.notify, c.highlight,
           c.class_id as "classId"
    from unnest(${roomNids}::int4[], ${after}::int8[]) as r(room_nid, after)
    join event_push_classes c on c.room_nid = r.room_nid and c.in_thread = any('{f,t}'::bool[])
      and c.stream_ordering > r.after and c.stream_ordering <= ${upTo}`;
}

export async function recentUserActions(
  db: Db,
  roomNids: readonly number[],
  after: readonly number[],
  upTo: number,
): Promise<RecentUserRow[]> {
  return db<RecentUserRow>`
    select u.room_nid as "roomNid", u.stream_ordering as "streamOrdering", u.thread_id as "threadId", u.notify, u.highlight,
           u.user_id as "userId"
    from unnest(${roomNids}::int4[], ${after}::int8[]) as r(room_nid, after)
    join event_push_users u on u.room_nid = r.room_nid and u.stream_ordering > r.after and u.stream_ordering <= ${upTo}`;
}
