import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { StreamLock } from "./streamIds";

/** A message that waits for a device; message is the JSON text of the event as the client gets it. */
export interface ToDeviceMessage {
  readonly streamId: number;
  readonly message: string;
}

/** A request to send: its transaction makes a repetition harmless. deviceId is "" for other servers, txnId their message id. */
export interface ToDeviceRequest {
  readonly sender: string;
  readonly deviceId: string;
  readonly txnId: string;
  /** For devices of this server; deviceId "*" means all of the user. */
  readonly local: readonly { readonly userId: string; readonly deviceId: string; readonly message: string }[];
  /** For other servers: contents of m.direct_to_device. */
  readonly remote: readonly { readonly destination: string; readonly content: string }[];
}

/** That something waits for a user, or for a server, and its position. */
export interface ToDeviceChange {
  readonly id: number;
  readonly entity: string;
}

/**
 * Queues messages in one statement: repeated transactions and unknown devices drop out, wildcards expand, and the stream's lock
 * is held only from the ids to the commit. Gives the last position of each entity and the first of all, in order:
 * readers take a step past the first for rows that they missed.
 */
export async function insertToDevice(
  db: Db,
  lock: StreamLock,
  now: number,
  requests: readonly ToDeviceRequest[],
): Promise<ToDeviceChange[]> {
  const { standsFor, instance, epoch } = fenceOf(lock.fence);
  const local = requests.flatMap((request, n) => request.local.map((m) => ({ n: n + 1, ...m })));
  const remote = requests.flatMap((request, n) => request.remote.map((m) => ({ n: n + 1, ...m })));
  const changes = await db<ToDeviceChange & { first: number }>`
    with locked as materialized (select lock_stream(${lock.lockKey}::int8, ${standsFor}::text, ${instance}::text, ${epoch}::int8)),
    requests as (
      select sender, device_id, txn_id, min(n) as n
      from unnest(${requests.map((r) => r.sender)}::text[], ${requests.map((r) => r.deviceId)}::text[],
                  ${requests.map((r) => r.txnId)}::text[]) with ordinality as r(sender, device_id, txn_id, n)
      group by sender, device_id, txn_id
    ), fresh as (
      insert into to_device_txns (sender, device_id, txn_id, received_ts)
      select sender, device_id, txn_id, ${now}::int8 from requests order by 1, 2, 3
      on conflict do nothing
      returning sender, device_id, txn_id
    ), accepted as (
      select n from requests join fresh using (sender, device_id, txn_id)
    ), inbox as (
      insert into to_device_inbox (user_id, device_id, stream_id, message)
      select t.user_id, t.device_id, nextval('to_device_stream_seq'), t.message
      from locked cross join (
        select d.user_id, d.device_id, m.message
        from unnest(${local.map((m) => m.n)}::int8[], ${local.map((m) => m.userId)}::text[], ${local.map((m) => m.deviceId)}::text[],
                    ${local.map((m) => m.message)}::text[]) with ordinality as m(n, user_id, device_id, message, ord)
        join accepted using (n)
        join devices d on d.user_id = m.user_id and m.device_id in (d.device_id, '*')
        order by m.ord
      ) t
      returning user_id as entity, stream_id
    ), outbox as (
      insert into to_device_outbox (destination, stream_id, content, queued_ts)
      select t.destination, nextval('to_device_stream_seq'), t.content, ${now}::int8
      from locked cross join (
        select m.destination, m.content
        from unnest(${remote.map((m) => m.n)}::int8[], ${remote.map((m) => m.destination)}::text[], ${remote.map((m) => m.content)}::text[])
          with ordinality as m(n, destination, content, ord)
        join accepted using (n)
        order by m.ord
      ) t
      returning destination as entity, stream_id
    )
    select max(stream_id) as id, entity, min(min(stream_id)) over () as first
    from (select * from inbox union all select * from outbox) as made group by entity order by 1`;
  const [head] = changes;
  const rows = changes.map(({ id, entity }) => ({ id, entity }));
  return head && head.first < head.id ? [{ id: head.first, entity: head.entity }, ...rows] : rows;
}

/** The oldest messages of a device with from < position <= to. */
export async function toDeviceMessages(
  db: Db,
  device: { readonly userId: string; readonly deviceId: string },
  range: { readonly from: number; readonly to: number; readonly limit: number },
): Promise<ToDeviceMessage[]> {
  return db<ToDeviceMessage>`
    select stream_id as "streamId", message from to_device_inbox
    where user_id = ${device.userId} and device_id = ${device.deviceId} and stream_id > ${range.from} and stream_id <= ${range.to}
    order by stream_id limit ${range.limit}`;
}

/** A message with the device that it waits for. */
export interface AddressedMessage extends ToDeviceMessage {
  readonly userId: string;
  readonly deviceId: string;
}

/** The oldest messages of all devices of some users with from < position <= to. */
export async function toDeviceMessagesOfUsers(
  db: Db,
  userIds: readonly string[],
  range: { readonly from: number; readonly to: number; readonly limit: number },
): Promise<AddressedMessage[]> {
  return db<AddressedMessage>`
    select user_id as "userId", device_id as "deviceId", stream_id as "streamId", message from to_device_inbox
    where user_id = any(${userIds}::text[]) and stream_id > ${range.from} and stream_id <= ${range.to}
    order by stream_id limit ${range.limit}`;
}

/** Drops what the device has received: everything up to and with a position. */
export async function deleteToDeviceUpTo(db: Db, userId: string, deviceId: string, upTo: number): Promise<void> {
  await db`delete from to_device_inbox where user_id = ${userId} and device_id = ${deviceId} and stream_id <= ${upTo}`;
}

/** Catch-up of the stream to_device. What was fetched and deleted meanwhile is of no concern to anybody. */
export async function toDeviceStreamBetween(db: Db, from: number, to: number): Promise<{ id: number; row: { entity: string } }[]> {
  const rows = await db<ToDeviceChange>`
    select max(stream_id) as id, entity from (
      select stream_id, user_id as entity from to_device_inbox where stream_id > ${from} and stream_id <= ${to}
      union all
      select stream_id, destination from to_device_outbox where stream_id > ${from} and stream_id <= ${to}
    ) as changes group by entity order by 1`;
  return rows.map(({ id, entity }) => ({ id, row: { entity } }));
}

/** Contents read at once, so that a few large ones do not fill the memory; the first comes whatever its size. */
const OUTBOX_CHARACTERS = 1024 * 1024;

/** The oldest contents that wait for another server, up to a position. */
export async function outboxOf(db: Db, destination: string, upTo: number, limit: number): Promise<{ streamId: number; content: string }[]> {
  return db`
    select stream_id as "streamId", content from (
      select stream_id, content, sum(length(content)) over (order by stream_id) - length(content) as before from (
        select stream_id, content from to_device_outbox
        where destination = ${destination} and stream_id <= ${upTo} order by stream_id limit ${limit}
      ) o
    ) o where before < ${OUTBOX_CHARACTERS} order by stream_id`;
}

export async function deleteOutboxUpTo(db: Db, destination: string, upTo: number): Promise<void> {
  await db`delete from to_device_outbox where destination = ${destination} and stream_id <= ${upTo}`;
}

/** Forgets transactions that nobody will repeat any more, and messages for servers that never came back. */
export async function purgeToDevice(db: Db, txnsBefore: number, outboxBefore: number): Promise<void> {
  await Promise.all([
    db`delete from to_device_txns where received_ts < ${txnsBefore}`,
    db`delete from to_device_outbox where queued_ts < ${outboxBefore}`,
  ]);
}
