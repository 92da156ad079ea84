import type { Db } from "./db";

/** Another server, as far as is known whether it answers. */
export interface KnownDestination {
  readonly destination: string;
  readonly failingSince: number | null;
  readonly retryLastTs: number;
  readonly retryInterval: number;
  /** Position in the events stream after which it has missed something. */
  readonly missedAfter: number | null;
}

/** Servers that are in a room, or for which something was noted; those whose name has a part, or that very one ("exactly"). */
export async function knownDestinations(db: Db, name: string | undefined, match: "part" | "exactly"): Promise<KnownDestination[]> {
  return db<KnownDestination>`
    select destination, failing_since as "failingSince", coalesce(retry_last_ts, 0) as "retryLastTs",
           coalesce(retry_interval, 0) as "retryInterval", missed_after as "missedAfter"
    from (select distinct substr(user_id, strpos(user_id, ':') + 1) as destination from room_members where not is_local
          union select destination from destinations) known
    left join destinations using (destination)
    where ${name ?? null}::text is null or destination = ${name ?? null}
      or (${match} = 'part' and strpos(destination, lower(${name ?? null})) > 0)
    order by destination`;
}

/** Rooms that a server is in, with the position of their newest event; and how many there are in all. */
export async function roomsOfDestination(
  db: Db,
  destination: string,
  page: { readonly from: number; readonly limit: number; readonly dir: "f" | "b" },
): Promise<{ rooms: { room_id: string; stream_ordering: number }[]; total: number }> {
  const rows = await db<{ room_id: string; stream_ordering: number; total: number }>`
    select r.room_id, t.latest_stream as stream_ordering, count(*) over () as total
    from (select distinct room_nid from room_members
          where not is_local and membership = 'join' and substr(user_id, strpos(user_id, ':') + 1) = ${destination}) m
    join rooms r using (room_nid) join room_tips t using (room_nid)
    order by case when ${page.dir} = 'f' then r.room_id end, case when ${page.dir} = 'b' then r.room_id end desc
    limit ${page.limit} offset ${page.from}`;
  return { rooms: rows.map(({ total: _total, ...room }) => room), total: rows[0]?.total ?? 0 };
}
