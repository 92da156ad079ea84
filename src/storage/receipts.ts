import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { StreamLock } from "./streamIds";

/** A receipt. threadId is "" when unthreaded; data is JSON text: {"ts", and "thread_id" when threaded}. */
export interface Receipt {
  readonly roomId: string;
  readonly userId: string;
  readonly receiptType: string;
  readonly threadId: string;
  readonly eventId: string;
  readonly data: string;
}

export interface StoredReceipt extends Receipt {
  readonly streamId: number;
}

/**
 * Stores receipts unless they are behind what is stored; of several with one key the furthest counts. One statement that
 * holds the stream's lock only from its ids to its commit. Gives those that were stored, in stream order.
 */
export async function insertReceipts(db: Db, lock: StreamLock, receipts: readonly Receipt[]): Promise<StoredReceipt[]> {
  const { standsFor, instance, epoch } = fenceOf(lock.fence);
  // Stale ones drop out before they take an id, since readers take ids that are missing for rows that they missed.
  const rows = await db<StoredReceipt>`
    with locked as materialized (select lock_stream(${lock.lockKey}::int8, ${standsFor}::text, ${instance}::text, ${epoch}::int8)),
    input as (
      select distinct on (i.room_id, i.user_id, i.receipt_type, i.thread_id) i.*, e.stream_ordering
      from unnest(${receipts.map((r) => r.roomId)}::text[], ${receipts.map((r) => r.userId)}::text[],
                  ${receipts.map((r) => r.receiptType)}::text[], ${receipts.map((r) => r.threadId)}::text[],
                  ${receipts.map((r) => r.eventId)}::text[], ${receipts.map((r) => r.data)}::text[])
        with ordinality as i(room_id, user_id, receipt_type, thread_id, event_id, data, ord)
      left join rooms m on m.room_id = i.room_id
      left join events e on e.event_id = i.event_id and e.room_nid = m.room_nid
      order by i.room_id, i.user_id, i.receipt_type, i.thread_id, e.stream_ordering desc nulls first, i.ord desc
    )
    insert into receipts as r (room_id, user_id, receipt_type, thread_id, stream_id, event_id, event_ordering, data)
    select room_id, user_id, receipt_type, thread_id, nextval('receipts_stream_seq'), event_id, stream_ordering, data
    from locked cross join input i
    where not exists (
      select from receipts o
      where o.room_id = i.room_id and o.user_id = i.user_id and o.receipt_type = i.receipt_type and o.thread_id = i.thread_id
        and (o.event_id = i.event_id or o.event_ordering >= i.stream_ordering))
    on conflict (room_id, user_id, receipt_type, thread_id) do update
      set stream_id = excluded.stream_id, event_id = excluded.event_id, event_ordering = excluded.event_ordering, data = excluded.data
      where r.event_ordering is null or excluded.event_ordering is null or excluded.event_ordering > r.event_ordering
    returning stream_id as "streamId", room_id as "roomId", user_id as "userId", receipt_type as "receiptType",
              thread_id as "threadId", event_id as "eventId", data`;
  return rows.sort((a, b) => a.streamId - b.streamId);
}

/** Receipts of rooms with from < position <= to that userId may see: private ones are their owner's alone. */
export async function receiptsOfRooms(
  db: Db,
  roomIds: readonly string[],
  from: number,
  to: number,
  userId: string,
): Promise<StoredReceipt[]> {
  return db<StoredReceipt>`
    select stream_id as "streamId", room_id as "roomId", user_id as "userId", receipt_type as "receiptType",
           thread_id as "threadId", event_id as "eventId", data
    from receipts
    where room_id = any(${roomIds}::text[]) and stream_id > ${from} and stream_id <= ${to}
      and (receipt_type <> 'm.read.private' or user_id = ${userId})
    order by stream_id`;
}

/** Of rooms that are new to a client: the user's own receipts, and those on events that the client is shown. */
export async function receiptsForNewcomer(
  db: Db,
  { roomIds, eventIds, to, userId }: { roomIds: readonly string[]; eventIds: readonly string[]; to: number; userId: string },
): Promise<StoredReceipt[]> {
  return db<StoredReceipt>`
    select stream_id as "streamId", room_id as "roomId", user_id as "userId", receipt_type as "receiptType",
           thread_id as "threadId", event_id as "eventId", data
    from receipts
    where room_id = any(${roomIds}::text[]) and stream_id <= ${to}
      and (user_id = ${userId} or (event_id = any(${eventIds}::text[]) and receipt_type <> 'm.read.private'))
    order by stream_id`;
}

/** Catch-up of the stream receipts. */
export async function receiptStreamBetween(db: Db, from: number, to: number): Promise<{ id: number; row: Receipt }[]> {
  const rows = await db<StoredReceipt>`
    select stream_id as "streamId", room_id as "roomId", user_id as "userId", receipt_type as "receiptType",
           thread_id as "threadId", event_id as "eventId", data
    from receipts where stream_id > ${from} and stream_id <= ${to} order by stream_id`;
  return rows.map(({ streamId, ...row }) => ({ id: streamId, row }));
}

/** How far a user has read in a room, per thread ("" unthreaded): the further of the public and the private receipt. */
export interface ReadPosition {
  readonly userId: string;
  readonly roomId: string;
  readonly threadId: string;
  readonly eventOrdering: number;
}

/** Read positions of one user in rooms, or of several users in one: the pairs are those of the parallel arrays. */
export async function readPositions(db: Db, userIds: readonly string[], roomIds: readonly string[]): Promise<ReadPosition[]> {
  return db<ReadPosition>`
    select r.user_id as "userId", r.room_id as "roomId", r.thread_id as "threadId", max(r.event_ordering) as "eventOrdering"
    from unnest(${userIds}::text[], ${roomIds}::text[]) as k(user_id, room_id)
    join receipts r using (user_id, room_id)
    where r.receipt_type in ('m.read', 'm.read.private') and r.event_ordering is not null
    group by r.user_id, r.room_id, r.thread_id`;
}
