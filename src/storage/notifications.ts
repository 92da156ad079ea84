import type { Db } from "./db";

/** A notification of a user: an event, and what their rules made of it. */
export interface NotificationRow {
  readonly roomNid: number;
  readonly nid: number;
  readonly streamOrdering: number;
  readonly threadId: string;
  /** As encodeActions writes them. */
  readonly actions: string;
}

export interface NotificationRequest {
  readonly userId: string;
  /** Events before this position, or 0 for the newest. */
  readonly before: number;
  readonly limit: number;
  readonly highlightsOnly: boolean;
  /** Rooms with the class of the user's rules over time: after < position <= upTo. Class 0 is spelled out too. */
  readonly ranges: readonly { readonly roomNid: number; readonly classId: number; readonly after: number; readonly upTo: number }[];
  /** Rooms where single events for the user count: those above, and rooms with an invite. */
  readonly roomNids: readonly number[];
}

/** The newest notifications of a user, newest first. */
export async function newestNotifications(db: Db, request: NotificationRequest): Promise<NotificationRow[]> {
  const { userId, limit, highlightsOnly, ranges, roomNids } = request;
  const before = request.before > 0 ? request.before : Number.MAX_SAFE_INTEGER;
  return db<NotificationRow>`
    with ranges as (
      select r.*, lane.in_thread
      from unnest(${ranges.map((r) => r.roomNid)}::int4[], ${ranges.map((r) => r.classId)}::int8[],
                  ${ranges.map((r) => r.after)}::int8[], ${ranges.map((r) => Math.min(r.upTo, before - 1))}::int8[])
        as r(room_nid, class_id, after, up_to)
      cross join (values (false), (true)) as lane(in_thread)
    ), shared as (
      select found.* from ranges r cross join lateral (
        select c.room_nid, e.nid, c.stream_ordering, c.thread_id, c.actions
        from event_push_classes c join events e on e.stream_ordering = c.stream_ordering
        where c.room_nid = r.room_nid and c.in_thread = r.in_thread and c.stream_ordering > r.after and c.stream_ordering <= r.up_to
          and c.class_id in (0, r.class_id) and e.sender <> ${userId}
          and (c.highlights or (c.notifies and not ${highlightsOnly}::bool))
          and (c.class_id = r.class_id or not exists (
            select from event_push_classes d
            where d.room_nid = c.room_nid and d.in_thread = c.in_thread and d.stream_ordering = c.stream_ordering and d.class_id = r.class_id))
          and not exists (
            select from event_push_users u
            where u.user_id = ${userId} and u.room_nid = c.room_nid and u.stream_ordering = c.stream_ordering)
        order by c.stream_ordering desc limit ${limit}
      ) found
    ), single as (
      select u.room_nid, e.nid, u.stream_ordering, u.thread_id, u.actions
      from event_push_users u join events e on e.stream_ordering = u.stream_ordering
      where u.user_id = ${userId} and u.room_nid = any(${roomNids}::int4[]) and u.stream_ordering < ${before}
        and (u.highlights or (u.notifies and not ${highlightsOnly}::bool))
    )
    select room_nid as "roomNid", nid, stream_ordering as "streamOrdering", thread_id as "threadId", actions
    from (select * from shared union all select * from single) n
    order by stream_ordering desc limit ${limit}`;
}
