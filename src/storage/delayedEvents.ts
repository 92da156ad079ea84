import type { JsonObject } from "../lib/json";
import type { Db } from "./db";

/** What is to be sent (MSC4140). Times and delays in ms. */
export interface DelayedEvent {
  readonly delayId: string;
  readonly userId: string;
  readonly roomId: string;
  readonly type: string;
  /** null for a message. */
  readonly stateKey: string | null;
  readonly content: JsonObject;
  readonly originServerTs: number | null;
  readonly delay: number;
  readonly sendTs: number;
}

/** With what became of it: the event, or the error for which there is none, or neither where its owner cancelled it. */
export interface FinalisedEvent extends DelayedEvent {
  /** null while it is still to be sent. */
  readonly finalisedTs: number | null;
  readonly eventId: string | null;
  readonly error: JsonObject | null;
}

interface Row extends Omit<FinalisedEvent, "content" | "error"> {
  readonly content: string;
  readonly error: string | null;
}

/** Stores an event to be sent, unless the transaction is known or the user has as many as `limit` already. Gives whether it was stored. */
export async function insertDelayedEvent(
  db: Db,
  { delayId, userId, roomId, type, stateKey, content, originServerTs, delay, sendTs }: DelayedEvent,
  { deviceId, txnId, limit }: { readonly deviceId: string; readonly txnId: string | null; readonly limit: number },
): Promise<boolean> {
  const rows = await db`
    insert into delayed_events (delay_id, user_id, device_id, room_id, type, state_key, content, origin_server_ts, delay, send_ts, txn_id)
    select ${delayId}, ${userId}, ${deviceId}, ${roomId}, ${type}, ${stateKey}, ${JSON.stringify(content)}, ${originServerTs}::int8, ${delay}::int8,
      ${sendTs}::int8, ${txnId}
    where (select count(*) from delayed_events where user_id = ${userId} and finalised_ts is null) < ${limit}
    on conflict (user_id, device_id, room_id, txn_id) where txn_id is not null do nothing
    returning delay_id`;
  return rows.length > 0;
}

/** What an earlier request of the same transaction was answered. */
export async function findDelayId(
  db: Db,
  {
    userId,
    deviceId,
    roomId,
    txnId,
  }: { readonly userId: string; readonly deviceId: string; readonly roomId: string; readonly txnId: string },
): Promise<string | undefined> {
  const [row] = await db<{ delayId: string }>`
    select delay_id as "delayId" from delayed_events
    where user_id = ${userId} and device_id = ${deviceId} and room_id = ${roomId} and txn_id = ${txnId}`;
  return row?.delayId;
}

/** When so many of the user's events will have been sent that there is room for one more under `limit`; ms. */
export async function freeAt(db: Db, userId: string, limit: number): Promise<number | undefined> {
  const [row] = await db<{ sendTs: number }>`
    select send_ts as "sendTs" from delayed_events where user_id = ${userId} and finalised_ts is null
    order by send_ts desc offset ${limit - 1} limit 1`;
  return row?.sendTs;
}

/** In the order in which they are to be sent. */
export async function getDelayedEvents(db: Db, delayIds: readonly string[]): Promise<FinalisedEvent[]> {
  const rows = await db<Row>`
    select delay_id as "delayId", user_id as "userId", room_id as "roomId", type, state_key as "stateKey", content,
      origin_server_ts as "originServerTs", delay, send_ts as "sendTs", finalised_ts as "finalisedTs", event_id as "eventId", error
    from delayed_events where delay_id = any(${delayIds}::text[]) order by send_ts, nid`;
  return rows.map(({ content, error, ...row }) => ({
    ...row,
    content: JSON.parse(content) as JsonObject,
    error: error === null ? null : (JSON.parse(error) as JsonObject),
  }));
}

/** What a user has still to be sent. */
export async function scheduledBy(db: Db, userId: string): Promise<string[]> {
  const rows = await db<{ delayId: string }>`
    select delay_id as "delayId" from delayed_events where user_id = ${userId} and finalised_ts is null and not sending`;
  return rows.map(({ delayId }) => delayId);
}

/** Counts the delay anew from `now`. False where there is nothing to be sent, or it is being sent. */
export async function restartDelayedEvent(db: Db, delayId: string, now: number): Promise<boolean> {
  const rows = await db`
    update delayed_events set send_ts = ${now}::int8 + delay where delay_id = ${delayId} and finalised_ts is null and not sending
    returning delay_id`;
  return rows.length > 0;
}

/** False where there is nothing to be sent, or it is being sent. */
export async function cancelDelayedEvent(db: Db, delayId: string, now: number): Promise<boolean> {
  const rows = await db`
    update delayed_events set finalised_ts = ${now} where delay_id = ${delayId} and finalised_ts is null and not sending
    returning delay_id`;
  return rows.length > 0;
}

export async function cancelDelayedEventsOf(db: Db, userId: string, now: number): Promise<void> {
  await db`update delayed_events set finalised_ts = ${now} where user_id = ${userId} and finalised_ts is null and not sending`;
}

/** State that somebody set. */
export interface SetState {
  readonly roomId: string;
  readonly type: string;
  readonly stateKey: string;
  readonly sender: string;
}

/** Cancels the state events of others that were to take the place of these. */
export async function cancelOvertaken(db: Db, states: readonly SetState[], now: number, error: JsonObject): Promise<void> {
  await db`
    update delayed_events d set finalised_ts = ${now}, error = ${JSON.stringify(error)}
    from unnest(${states.map((s) => s.roomId)}::text[], ${states.map((s) => s.type)}::text[], ${states.map((s) => s.stateKey)}::text[],
      ${states.map((s) => s.sender)}::text[]) as n(room_id, type, state_key, sender)
    where d.room_id = n.room_id and d.type = n.type and d.state_key = n.state_key and d.user_id <> n.sender
      and d.finalised_ts is null and not d.sending`;
}

/** Takes what is due for sending, the first `limit` of it. */
export async function takeDue(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db<{ delayId: string }>`
    update delayed_events set sending = true
    where delay_id = any(array(
      select delay_id from delayed_events where finalised_ts is null and not sending and send_ts <= ${now}
      order by send_ts, nid limit ${limit} for update skip locked))
    returning delay_id as "delayId"`;
  return rows.map(({ delayId }) => delayId);
}

/** Takes one for sending, whenever it is due. False where there is nothing to be sent, or it is being sent. */
export async function takeDelayedEvent(db: Db, delayId: string): Promise<boolean> {
  const rows = await db`
    update delayed_events set sending = true where delay_id = ${delayId} and finalised_ts is null and not sending returning delay_id`;
  return rows.length > 0;
}

/** These were not sent after all. */
export async function releaseDelayedEvents(db: Db, delayIds: readonly string[]): Promise<void> {
  await db`update delayed_events set sending = false where delay_id = any(${delayIds}::text[]) and finalised_ts is null`;
}

/** What was being sent by whoever had the duty before is to be sent by who has it now, all but `mine`. */
export async function releaseOthers(db: Db, mine: readonly string[]): Promise<void> {
  await db`update delayed_events set sending = false where sending and finalised_ts is null and not delay_id = any(${mine}::text[])`;
}

/** Notes what became of an event, unless that is known. */
export async function finaliseDelayedEvent(
  db: Db,
  delayId: string,
  now: number,
  outcome: { readonly eventId: string } | { readonly error: JsonObject },
): Promise<void> {
  const [eventId, error] = "eventId" in outcome ? [outcome.eventId, null] : [null, JSON.stringify(outcome.error)];
  await db`
    update delayed_events set finalised_ts = ${now}, event_id = ${eventId}, error = ${error}, sending = false
    where delay_id = ${delayId} and finalised_ts is null`;
}

/** When the next event is due; ms. */
export async function nextDue(db: Db): Promise<number | undefined> {
  const [row] = await db<{ sendTs: number | null }>`
    select min(send_ts) as "sendTs" from delayed_events where finalised_ts is null and not sending`;
  return row?.sendTs ?? undefined;
}

/** Forgets what was over before `before`, and of each user all but the newest `perUser`. */
export async function forgetFinalised(db: Db, before: number, perUser: number): Promise<void> {
  await db`
    delete from delayed_events where finalised_ts < ${before} or delay_id in (
      select delay_id from (
        select delay_id, row_number() over (partition by user_id order by finalised_ts desc, nid desc) as place
        from delayed_events where finalised_ts is not null) f
      where place > ${perUser})`;
}
