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

/** What waits in a room, in the order of arrival. */
export async function stagedPdusOf(db: Db, roomNid: number, limit: number): Promise<StagedPdu[]> {
  return db<StagedPdu>`
    select room_nid as "roomNid", event_id as "eventId", origin, json, received_ts as "receivedTs"
    from staged_pdus where room_nid = ${roomNid} order by arrival limit ${limit}`;
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

/** Ends a claim. With `idle` only where nothing waits any more: whoever brings something while a room is claimed leaves it to the claimant. */
export async function releaseStaged(
  db: Db,
  { roomNid, instance }: Pick<StagedClaim, "roomNid" | "instance">,
  when: "idle" | "always",
): Promise<boolean> {
  const rows = await db`
    delete from staged_rooms where room_nid = ${roomNid} and instance = ${instance}
      and (${when === "always"}::bool or not exists (select from staged_pdus where room_nid = ${roomNid}))
    returning room_nid`;
  return rows.length > 0;
}

/** Rooms in which something has waited since before a time. */
export async function roomsStagedBefore(db: Db, ts: number): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`select distinct room_nid as "roomNid" from staged_pdus where received_ts < ${ts}`;
  return rows.map(({ roomNid }) => roomNid);
}

/** Gives up on what could not be stored for so long. */
export async function deleteStagedBefore(db: Db, ts: number): Promise<void> {
  await db`delete from staged_pdus where received_ts < ${ts}`;
}
