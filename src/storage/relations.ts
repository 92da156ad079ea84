import type { Db } from "./db";
import type { HistoryEntry, TopologicalPosition } from "./events";

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

export interface EditRow {
  readonly target: string;
  readonly nid: number;
}

/**
 * The newest valid replacement of each event (client-server API, "Validity of replacement events"): by the same sender, of the same
 * type, with new content where that can be seen. Redacted ones count no more, and redacted events have none.
 */
export async function newestEdits(db: Db, eventIds: readonly string[]): Promise<EditRow[]> {
  return db<EditRow>`
    select distinct on (t.event_id) t.event_id as target, e.nid
    from events t
    join event_relations r on r.room_nid = t.room_nid and r.relates_to = t.event_id and r.rel_type = 'm.replace'
      and r.sender = t.sender and r.type = t.type and r.is_valid
    join events e on e.nid = r.nid
    where t.event_id = any(${eventIds}::text[]) and t.state_key is null and t.redacted_by is null
      and e.state_key is null and e.redacted_by is null and e.rejected is null and not e.soft_failed
    order by t.event_id, e.origin_server_ts desc, e.event_id desc`;
}

export interface ThreadRow {
  readonly target: string;
  readonly count: number;
  /** The newest event of the thread. */
  readonly latest: number;
  /** Position of the last event counted in. */
  readonly upTo: number;
  readonly participants: readonly string[];
}

/** Threads by the event at their root; without what ignored users sent, and without threads of which nothing is left then. */
export async function threadsOf(db: Db, eventIds: readonly string[], ignored: readonly string[] = []): Promise<ThreadRow[]> {
  return db<ThreadRow>`
    select t.event_id as target, count(*) as count, array_agg(distinct e.sender) as participants, max(e.stream_ordering) as "upTo",
           (array_agg(e.nid order by e.depth desc, e.stream_ordering desc))[1] as latest
    from events t
    join event_relations r on r.room_nid = t.room_nid and r.relates_to = t.event_id and r.rel_type = 'm.thread'
    join events e on e.nid = r.nid
    where t.event_id = any(${eventIds}::text[]) and e.redacted_by is null and e.rejected is null and not e.soft_failed
      and e.sender <> all(${ignored}::text[])
    group by t.event_id`;
}

export interface ReferenceRow {
  readonly target: string;
  readonly eventId: string;
  readonly sender: string;
}

/** What refers to each event, in order; at most so many. */
export async function referencesTo(db: Db, eventIds: readonly string[], limit: number): Promise<ReferenceRow[]> {
  return db<ReferenceRow>`
    select t.event_id as target, f.event_id as "eventId", f.sender
    from events t
    cross join lateral (
      select e.event_id, e.sender, e.depth, e.stream_ordering from event_relations r join events e on e.nid = r.nid
      where r.room_nid = t.room_nid and r.relates_to = t.event_id and r.rel_type = 'm.reference'
        and e.redacted_by is null and e.rejected is null and not e.soft_failed
      order by e.depth, e.stream_ordering limit ${limit}
    ) f
    where t.event_id = any(${eventIds}::text[])
    order by t.event_id, f.depth, f.stream_ordering`;
}

export interface RelatedQuery {
  readonly roomNid: number;
  readonly eventId: string;
  readonly relType: string | undefined;
  readonly type: string | undefined;
  readonly from: TopologicalPosition | undefined;
  readonly to: TopologicalPosition | undefined;
  readonly direction: "b" | "f";
  readonly limit: number;
  /** How far relations of relations are followed: 1 for direct ones alone. */
  readonly levels: number;
}

/** Events that relate to an event, in topological order of the direction. Backwards `from` is included and `to` is not; forwards it is the reverse. */
export async function relatedEvents(db: Db, query: RelatedQuery): Promise<HistoryEntry[]> {
  const backwards = query.direction === "b";
  const [upper, lower] = backwards ? [query.from, query.to] : [query.to, query.from];
  const sign = backwards ? -1 : 1;
  return db<HistoryEntry>`
    with recursive related as (
      select r.nid, r.rel_type, r.type, 1 as level from event_relations r
      where r.room_nid = ${query.roomNid} and r.relates_to = ${query.eventId}
      union all
      select r.nid, r.rel_type, r.type, p.level + 1
      from related p join events e on e.nid = p.nid
      join event_relations r on r.room_nid = ${query.roomNid} and r.relates_to = e.event_id
      where p.level < ${query.levels}
    )
    select e.nid, e.depth, e.stream_ordering as "streamOrdering"
    from related r join events e on e.nid = r.nid
    where (${query.relType ?? null}::text is null or r.rel_type = ${query.relType ?? null})
      and (${query.type ?? null}::text is null or r.type = ${query.type ?? null})
      and e.stream_ordering is not null and e.redacted_by is null and e.rejected is null and not e.soft_failed
      and (e.depth, e.stream_ordering) <= (${upper?.depth ?? Number.MAX_SAFE_INTEGER}::int8, ${upper?.streamOrdering ?? Number.MAX_SAFE_INTEGER}::int8)
      and (e.depth, e.stream_ordering) > (${lower?.depth ?? -1}::int8, ${lower?.streamOrdering ?? 0}::int8)
    order by e.depth * ${sign}::int8, e.stream_ordering * ${sign}::int8
    limit ${query.limit}`;
}

export interface ThreadListQuery {
  readonly roomNid: number;
  /** Threads whose newest event is older than this position. */
  readonly before: number;
  /** Only threads in which this user took part. */
  readonly participant: string | undefined;
  readonly limit: number;
}

/** The threads of a room by their roots, those with the newest events first. */
export async function threadRoots(db: Db, query: ThreadListQuery): Promise<{ root: number; latest: number }[]> {
  return db`
    select root.nid as root, r.stream_ordering as latest
    from event_relations r
    join events e on e.nid = r.nid and e.redacted_by is null and e.rejected is null and not e.soft_failed
    join events root on root.event_id = r.relates_to and root.room_nid = r.room_nid
    where r.room_nid = ${query.roomNid} and r.rel_type = 'm.thread' and r.stream_ordering < ${query.before}
      and not exists (
        select from event_relations n join events ne on ne.nid = n.nid
        where n.room_nid = r.room_nid and n.relates_to = r.relates_to and n.rel_type = 'm.thread'
          and n.stream_ordering > r.stream_ordering and ne.redacted_by is null and ne.rejected is null and not ne.soft_failed)
      and (${query.participant ?? null}::text is null or root.sender = ${query.participant ?? null} or exists (
        select from event_relations mine
        where mine.room_nid = r.room_nid and mine.relates_to = r.relates_to and mine.rel_type = 'm.thread' and mine.sender = ${query.participant ?? null}))
    order by r.stream_ordering desc
    limit ${query.limit}`;
}
