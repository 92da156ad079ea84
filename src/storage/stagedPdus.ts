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

/** Rooms in which something has waited since before a time. */
export async function roomsStagedBefore(db: Db, ts: number): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`select distinct room_nid as "roomNid" from staged_pdus where received_ts < ${ts}`;
  return rows.map(({ roomNid }) => roomNid);
}

/** Gives up on what could not be stored for so long. */
export async function deleteStagedBefore(db: Db, ts: number): Promise<void> {
  await db`delete from staged_pdus where received_ts < ${ts}`;
}
