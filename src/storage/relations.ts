import type { Db } from "./db";

/** Whether the sender has annotated the event with this key already, by an event that stands. */
export async function findAnnotation(
  db: Db,
  wanted: { roomNid: number; relatesTo: string; type: string; key: string; sender: string },
): Promise<boolean> {
  const rows = await db`
    select 1 as found from event_relations r join events e using (nid)
    where r.room_nid = ${wanted.roomNid} and r.relates_to = ${wanted.relatesTo} and r.rel_type = 'm.annotation'
      and r.type = ${wanted.type} and r.aggregation_key = ${wanted.key} and r.sender = ${wanted.sender} and e.redacted_by is null
    limit 1`;
  return rows.length > 0;
}
