import type { Db } from "./db";
import type { NotificationRow } from "./notifications";

/** What push rules made of an event: for a class of users, or for one of them. */
interface Outcome {
  readonly streamOrdering: number;
  readonly threadId: string;
  readonly notifies: boolean;
  /** As encodeActions writes them. */
  readonly actions: string;
}
export interface ClassOutcome extends Outcome {
  readonly classId: number;
}
export interface UserOutcome extends Outcome {
  readonly userId: string;
}

/** Of events, by their rooms and positions. */
export async function classOutcomes(db: Db, roomNids: readonly number[], positions: readonly number[]): Promise<ClassOutcome[]> {
  return db<ClassOutcome>`
    select c.stream_ordering as "streamOrdering", c.class_id as "classId", c.thread_id as "threadId", c.notifies, c.actions
    from unnest(${roomNids}::int4[], ${positions}::int8[]) as e(room_nid, stream_ordering)
    join event_push_classes c on c.room_nid = e.room_nid and c.in_thread = any('{f,t}'::bool[]) and c.stream_ordering = e.stream_ordering`;
}

export async function userOutcomes(db: Db, roomNids: readonly number[], positions: readonly number[]): Promise<UserOutcome[]> {
  return db<UserOutcome>`
    select u.stream_ordering as "streamOrdering", u.user_id as "userId", u.thread_id as "threadId", u.notifies, u.actions
    from unnest(${roomNids}::int4[], ${positions}::int8[]) as e(room_nid, stream_ordering)
    join event_push_users u on u.room_nid = e.room_nid and u.stream_ordering = e.stream_ordering`;
}

export interface PendingRequest {
  readonly userId: string;
  /** after < position <= upTo. */
  readonly after: number;
  readonly upTo: number;
  readonly limit: number;
  /** Rooms with the class of the user's rules over time; see NotificationRequest. */
  readonly ranges: readonly { readonly roomNid: number; readonly classId: number; readonly after: number; readonly upTo: number }[];
  readonly roomNids: readonly number[];
}

/** What notified a user in a stretch of the events stream, oldest first. */
export async function oldestNotifications(db: Db, request: PendingRequest): Promise<NotificationRow[]> {
  const { userId, after, upTo, limit, ranges, roomNids } = request;
  return db<NotificationRow>`
    with ranges as (
      select r.*, lane.in_thread
      from unnest(${ranges.map((r) => r.roomNid)}::int4[], ${ranges.map((r) => r.classId)}::int8[],
                  ${ranges.map((r) => r.after)}::int8[], ${ranges.map((r) => r.upTo)}::int8[])
        as r(room_nid, class_id, after, up_to)
      cross join (values (false), (true)) as lane(in_thread)
    ), shared as (
      select found.* from ranges r cross join lateral (
        select c.room_nid, e.nid, c.stream_ordering, c.thread_id, c.actions
        from event_push_classes c join events e on e.stream_ordering = c.stream_ordering
        where c.room_nid = r.room_nid and c.in_thread = r.in_thread and c.stream_ordering > r.after and c.stream_ordering <= r.up_to
          and c.class_id in (0, r.class_id) and c.notifies and e.sender <> ${userId}
          and (c.class_id = r.class_id or not exists (
            select from event_push_classes d
            where d.room_nid = c.room_nid and d.in_thread = c.in_thread and d.stream_ordering = c.stream_ordering and d.class_id = r.class_id))
          and not exists (
            select from event_push_users u
            where u.user_id = ${userId} and u.room_nid = c.room_nid and u.stream_ordering = c.stream_ordering)
        order by c.stream_ordering limit ${limit}
      ) found
    ), single as (
      select u.room_nid, e.nid, u.stream_ordering, u.thread_id, u.actions
      from event_push_users u join events e on e.stream_ordering = u.stream_ordering
      where u.user_id = ${userId} and u.room_nid = any(${roomNids}::int4[]) and u.notifies
        and u.stream_ordering > ${after} and u.stream_ordering <= ${upTo}
      order by u.stream_ordering limit ${limit}
    )
    select room_nid as "roomNid", nid, stream_ordering as "streamOrdering", thread_id as "threadId", actions
    from (select * from shared union all select * from single) n
    order by stream_ordering limit ${limit}`;
}
