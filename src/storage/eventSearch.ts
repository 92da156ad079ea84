import type { Db } from "./db";

/** What can be searched for, by where it stands in an event. */
export type SearchKey = "content.body" | "content.name" | "content.topic";

export interface SearchRow {
  readonly nid: number;
  readonly roomNid: number;
  readonly key: SearchKey;
  readonly streamOrdering: number;
  readonly originServerTs: number;
  /** Ready for PostgreSQL to find the words in. */
  readonly text: string;
}

/** Adds texts to the index; those of events that are in it already are left as they are. */
export async function insertSearchRows(db: Db, rows: readonly SearchRow[]): Promise<void> {
  await db`
    insert into event_search (nid, room_nid, key, stream_ordering, origin_server_ts, words)
    select nid, room_nid, key, stream_ordering, origin_server_ts, to_tsvector('english', text)
    from unnest(${rows.map((r) => r.nid)}::int8[], ${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.key)}::text[],
      ${rows.map((r) => r.streamOrdering)}::int8[], ${rows.map((r) => r.originServerTs)}::int8[], ${rows.map((r) => r.text)}::text[])
      as r(nid, room_nid, key, stream_ordering, origin_server_ts, text)
    on conflict do nothing`;
}

/** Takes redacted events out of the index. */
export async function deleteSearchRows(db: Db, eventIds: readonly string[]): Promise<void> {
  await db`
    delete from event_search s using events e
    where e.event_id = any(${eventIds}::text[]) and e.nid = s.nid and e.redacted_by is not null`;
}

export interface SearchQuery {
  /** In the syntax of web search engines. */
  readonly query: string;
  readonly roomNids: readonly number[];
  readonly keys: readonly SearchKey[];
  readonly order: "rank" | "recent";
  /** Results behind this one. */
  readonly after: SearchHit | undefined;
  readonly limit: number;
}

export interface SearchHit {
  readonly nid: number;
  readonly rank: number;
  readonly originServerTs: number;
}

/** A page of what fits, best or newest first. */
export async function searchEvents(db: Db, { query, roomNids, keys, order, after, limit }: SearchQuery): Promise<SearchHit[]> {
  if (order === "rank") {
    return db<SearchHit>`
      select * from (
        select nid, ts_rank_cd(words, websearch_to_tsquery('english', ${query}))::float8 as rank, origin_server_ts as "originServerTs"
        from event_search where words @@ websearch_to_tsquery('english', ${query})
          and room_nid = any(${roomNids}::int4[]) and key = any(${keys}::text[])
      ) s
      where ${after?.nid ?? null}::int8 is null or (rank, nid) < (${after?.rank ?? null}::float8, ${after?.nid ?? null}::int8)
      order by rank desc, nid desc limit ${limit}`;
  }
  return db<SearchHit>`
    select nid, ts_rank_cd(words, websearch_to_tsquery('english', ${query}))::float8 as rank, origin_server_ts as "originServerTs"
    from event_search where words @@ websearch_to_tsquery('english', ${query})
      and room_nid = any(${roomNids}::int4[]) and key = any(${keys}::text[])
      and (${after?.nid ?? null}::int8 is null
           or (origin_server_ts, nid) < (${after?.originServerTs ?? null}::int8, ${after?.nid ?? null}::int8))
    order by origin_server_ts desc, nid desc limit ${limit}`;
}

/** How many fit; counting ends at `most`. */
export async function countSearch(
  db: Db,
  { query, roomNids, keys, most }: Pick<SearchQuery, "query" | "roomNids" | "keys"> & { readonly most: number },
): Promise<number> {
  const rows = await db<{ count: number }>`
    select count(*) as count from (
      select from event_search where words @@ websearch_to_tsquery('english', ${query})
        and room_nid = any(${roomNids}::int4[]) and key = any(${keys}::text[]) limit ${most}
    ) s`;
  return rows[0]?.count ?? 0;
}

/** The texts with a mark before and after each word that the query is about. */
export async function markWords(
  db: Db,
  query: string,
  texts: readonly string[],
  [before, behind]: readonly [string, string],
): Promise<string[]> {
  const options = `HighlightAll=true, StartSel="${before}", StopSel="${behind}"`;
  const rows = await db<{ marked: string }>`
    select ts_headline('english', t, websearch_to_tsquery('english', ${query}), ${options}) as marked from unnest(${texts}::text[]) as t`;
  return rows.map(({ marked }) => marked);
}
