import type { Db } from "./db";

export interface SentEventsQuery {
  readonly roomNid: number;
  readonly sender: string;
  /** Times of the sender's server, ms; undefined: from the beginning, to now. */
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly limit: number;
}

/** The newest messages of somebody in a room that nobody redacted, and when they joined it. */
export async function unredactedEventsOf(db: Db, { roomNid, sender, after, before, limit }: SentEventsQuery): Promise<string[]> {
  const rows = await db<{ eventId: string }>`
    select event_id as "eventId" from events
    where room_nid = ${roomNid} and sender = ${sender} and stream_ordering is not null and redacted_by is null and rejected is null
      and (type in ('m.room.message', 'm.room.encrypted')
        or (type = 'm.room.member' and json::json -> 'content' ->> 'membership' = 'join'))
      and (${after ?? null}::int8 is null or origin_server_ts > ${after ?? null})
      and (${before ?? null}::int8 is null or origin_server_ts < ${before ?? null})
    order by stream_ordering desc limit ${limit}`;
  return rows.map(({ eventId }) => eventId);
}
