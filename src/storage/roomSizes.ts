import type { Db } from "./db";

/** The largest rooms by the bytes that their rows take, as the statistics of the database estimate it: nothing is counted. */
export async function estimateRoomSizes(db: Db, limit: number): Promise<{ room_id: string; estimated_size: number }[]> {
  return db`
    select r.room_id, sum(estimate)::int8 as estimated_size
    from (
      select v.room_nid, f.frequency * pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass) as estimate
      from pg_stats,
        unnest(most_common_vals::text::int4[]) with ordinality as v (room_nid, place)
        join unnest(most_common_freqs) with ordinality as f (frequency, place) using (place)
      where schemaname = current_schema() and attname = 'room_nid' and most_common_vals is not null
    ) estimates join rooms r using (room_nid)
    group by r.room_id order by 2 desc limit ${limit}`;
}
