import type { Db } from "./db";
import { noteDeletedEvents } from "./purgeHistory";

/**
 * Takes a room away from everybody: from then on this server does not know it. What is left of it then are rows that nothing refers to;
 * deleteSomeRows deletes them. The account data and reading positions of its members go with it.
 */
export async function forgetWholeRoom(tx: Db, roomNid: number, roomId: string): Promise<void> {
  const rows = await tx<{ upTo: number | null }>`select max(stream_ordering) as "upTo" from events where room_nid = ${roomNid}`;
  await Promise.all([
    noteDeletedEvents(tx, rows[0]?.upTo ?? 0),
    tx`delete from room_tips where room_nid = ${roomNid}`,
    tx`delete from partial_rooms where room_nid = ${roomNid}`,
    tx`delete from room_stats where room_nid = ${roomNid}`,
    tx`delete from room_aliases where room_id = ${roomId}`,
    tx`delete from appservice_room_list where room_nid = ${roomNid}`,
    tx`delete from mail_throttles where room_nid = ${roomNid}`,
    tx`delete from account_data where room_id = ${roomId}
       and user_id in (select user_id from room_members where room_nid = ${roomNid} and is_local)`,
    tx`delete from push_positions where room_nid = ${roomNid}
       and user_id in (select user_id from room_members where room_nid = ${roomNid} and is_local)`,
    tx`delete from rooms where room_nid = ${roomNid}`,
  ]);
}

/** Deletes rows of a room that was forgotten, at most `limit` of each table. Gives their number, 0 when nothing is left. */
export async function deleteSomeRows(db: Db, roomNid: number, roomId: string, limit: number): Promise<number> {
  const counts = await Promise.all([
    db<{ id: number }>`
      with gone as (
        delete from events where nid = any(array(select nid from events where room_nid = ${roomNid} limit ${limit})) returning nid
      ), stripped as (
        delete from stripped_states where nid in (select nid from gone)
      )
      select nid as id from gone`,
    db`delete from state_groups where id = any(array(select id from state_groups where room_nid = ${roomNid} limit ${limit})) returning id`,
    db`delete from event_relations where nid = any(array(select nid from event_relations where room_nid = ${roomNid} limit ${limit})) returning nid`,
    db`delete from event_search where nid = any(array(select nid from event_search where room_nid = ${roomNid} limit ${limit})) returning nid`,
    db`delete from current_state_deltas where room_nid = ${roomNid} and ctid = any(array(
         select ctid from current_state_deltas where room_nid = ${roomNid} limit ${limit})) returning key_nid`,
    db`delete from room_members where room_nid = ${roomNid} and ctid = any(array(
         select ctid from room_members where room_nid = ${roomNid} limit ${limit})) returning room_nid`,
    db`delete from event_push_classes where room_nid = ${roomNid} and ctid = any(array(
         select ctid from event_push_classes where room_nid = ${roomNid} limit ${limit})) returning room_nid`,
    db`delete from event_push_users where room_nid = ${roomNid} and ctid = any(array(
         select ctid from event_push_users where room_nid = ${roomNid} limit ${limit})) returning room_nid`,
    db`delete from staged_pdus where room_nid = ${roomNid} and ctid = any(array(
         select ctid from staged_pdus where room_nid = ${roomNid} limit ${limit})) returning room_nid`,
    db`delete from staged_rooms where room_nid = ${roomNid} returning room_nid`,
    db`delete from receipts where room_id = ${roomId} and ctid = any(array(
         select ctid from receipts where room_id = ${roomId} limit ${limit})) returning room_id`,
  ]);
  return counts.reduce((sum, rows) => sum + rows.length, 0);
}
