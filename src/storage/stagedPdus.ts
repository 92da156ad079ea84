import type { Db } from "./db";

/** An event of another server that was acknowledged and is not yet stored. Its signatures have been checked. */
export interface StagedPdu {
  readonly roomNid: number;
  readonly eventId: string;
  readonly origin: string;
  readonly json: string;
  readonly receivedTs: number;
}

/** Keeps an event, unless as many of its room wait as may wait; tells whether it is kept. One that waits already is. */
export async function insertStagedPdu(db: Db, pdu: StagedPdu, maxOfRoom: number): Promise<boolean> {
  const rows = await db`
    insert into staged_pdus as s (room_nid, event_id, origin, json, received_ts)
    select ${pdu.roomNid}::int4, ${pdu.eventId}::text, ${pdu.origin}::text, ${pdu.json}::text, ${pdu.receivedTs}::int8
    where (select count(*) from staged_pdus where room_nid = ${pdu.roomNid}) < ${maxOfRoom}
    on conflict (room_nid, event_id) do update set received_ts = s.received_ts
    returning event_id`;
  return rows.length > 0;
}

/** What waits in a room and is due, in the order of arrival. */
export async function stagedPdusOf(db: Db, roomNid: number, now: number, limit: number): Promise<StagedPdu[]> {
  return db<StagedPdu>`
    select room_nid as "roomNid", event_id as "eventId", origin, json, received_ts as "receivedTs"
    from staged_pdus where room_nid = ${roomNid} and retry_ts <= ${now} order by arrival limit ${limit}`;
}

/** How long what could not be stored is left alone: `firstMs`, and twice as long each time, up to `maxMs`. */
export interface StagedPause {
  readonly now: number;
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Puts off what one server sent of a room, or no more than one event of it. */
export async function postponeStaged(
  db: Db,
  { roomNid, origin, eventId }: { readonly roomNid: number; readonly origin: string; readonly eventId?: string },
  { now, firstMs, maxMs }: StagedPause,
): Promise<void> {
  await db`
    update staged_pdus set attempts = attempts + 1,
      retry_ts = ${now}::int8 + least(${maxMs}::int8, ${firstMs}::int8 * (2 ^ least(attempts, 30))::int8)
    where room_nid = ${roomNid} and origin = ${origin} and event_id = coalesce(${eventId ?? null}::text, event_id)`;
}

/** Makes due what was put off of that which a server sent, in one room or all of them. Gives the rooms in which there was something. */
export async function resumeStagedOf(db: Db, origin: string, roomNid?: number): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`
    with due as (
      update staged_pdus set retry_ts = 0
      where origin = ${origin} and retry_ts > 0 and room_nid = coalesce(${roomNid ?? null}::int4, room_nid)
      returning room_nid
    )
    select distinct room_nid as "roomNid" from due`;
  return rows.map((row) => row.roomNid);
}

export async function deleteStagedPdu(db: Db, roomNid: number, eventId: string): Promise<void> {
  await db`delete from staged_pdus where room_nid = ${roomNid} and event_id = ${eventId}`;
}

/** A process that wants to be the only one to store what waits in a room, until a time. */
export interface StagedClaim {
  readonly roomNid: number;
  readonly instance: string;
  readonly until: number;
}

/** Claims a room unless another process has it that is not `dead`. Gives whose it is then. */
export async function claimStaged(
  db: Db,
  { roomNid, instance, until }: StagedClaim,
  { now, dead = instance }: { readonly now: number; readonly dead?: string },
): Promise<string | undefined> {
  const rows = await db<{ instance: string }>`
    with claimed as (
      insert into staged_rooms as r (room_nid, instance, until_ts) values (${roomNid}, ${instance}, ${until})
      on conflict (room_nid) do update set instance = excluded.instance, until_ts = excluded.until_ts
      where r.instance in (excluded.instance, ${dead}) or r.until_ts < ${now}
      returning instance
    )
    select instance from claimed union all (select instance from staged_rooms where room_nid = ${roomNid}) limit 1`;
  return rows[0]?.instance;
}

/** Ends a claim. With `idleAt` only where nothing is due then: whoever brings something while a room is claimed leaves it to the claimant. */
export async function releaseStaged(
  db: Db,
  { roomNid, instance }: Pick<StagedClaim, "roomNid" | "instance">,
  when: "always" | { readonly idleAt: number },
): Promise<boolean> {
  const idleAt = when === "always" ? null : when.idleAt;
  const rows = await db`
    delete from staged_rooms where room_nid = ${roomNid} and instance = ${instance}
      and not exists (select from staged_pdus where room_nid = ${roomNid} and retry_ts <= ${idleAt}::int8)
    returning room_nid`;
  return rows.length > 0;
}

/** Rooms in which something is due that was put off, or has waited since before `since`. */
export async function roomsWithStaged(db: Db, { now, since }: { readonly now: number; readonly since: number }): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`
    select distinct room_nid as "roomNid" from staged_pdus where retry_ts <= ${now} and (retry_ts > 0 or received_ts < ${since})`;
  return rows.map(({ roomNid }) => roomNid);
}

/** Gives up on what could not be stored for so long. */
export async function deleteStagedBefore(db: Db, ts: number): Promise<void> {
  await db`delete from staged_pdus where received_ts < ${ts}`;
}
