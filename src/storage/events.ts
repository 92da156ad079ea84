import type { JsonObject, JsonValue } from "../lib/json";
import type { Db } from "./db";

/** An event as it is stored. Positions: see the table `events` in migration 0001. */
export interface EventRow {
  readonly nid: number;
  /** Undefined for an outlier. */
  readonly streamOrdering: number | null;
  readonly roomNid: number;
  readonly eventId: string;
  readonly type: string;
  readonly stateKey: string | null;
  readonly sender: string;
  readonly depth: number;
  readonly originServerTs: number;
  readonly receivedTs: number;
  readonly json: string;
  readonly stateGroup: number | null;
  readonly replacesNid: number | null;
  readonly redacts: string | null;
  readonly redactedBy: string | null;
  readonly rejected: string | null;
  readonly softFailed: boolean;
  readonly txnDevice: string | null;
  readonly txnId: string | null;
}

/** `redactedBy` of events that no redaction took the content of. */
export const BY_NO_EVENT = "";

export async function getEventsByNid(db: Db, nids: readonly number[]): Promise<EventRow[]> {
  return db<EventRow>`
    select nid, stream_ordering as "streamOrdering", room_nid as "roomNid", event_id as "eventId", type, state_key as "stateKey",
           sender, depth, origin_server_ts as "originServerTs", received_ts as "receivedTs", json, state_group as "stateGroup",
           replaces_nid as "replacesNid", redacts, redacted_by as "redactedBy", rejected, soft_failed as "softFailed",
           txn_device as "txnDevice", txn_id as "txnId"
    from events where nid = any(${nids}::int8[])`;
}

/** Event id -> nid, of those that are stored. */
export async function findEventNids(db: Db, eventIds: readonly string[]): Promise<{ eventId: string; nid: number }[]> {
  return db`select event_id as "eventId", nid from events where event_id = any(${eventIds}::text[])`;
}

/** Those of the events that are stored, and of the room. */
export async function eventIdsOfRoom(db: Db, roomNid: number, eventIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ eventId: string }>`
    select event_id as "eventId" from events where event_id = any(${eventIds}::text[]) and room_nid = ${roomNid}`;
  return rows.map(({ eventId }) => eventId);
}

export interface TimelineEntry {
  readonly roomNid: number;
  readonly nid: number;
  readonly streamOrdering: number;
}

/**
 * The newest `limit` shown events of each room with after[i] < position <= upTo, oldest first within a room. Ask for one
 * more than wanted to learn whether there are more.
 */
export async function timelinesBetween(
  db: Db,
  roomNids: readonly number[],
  after: readonly number[],
  upTo: number,
  limit: number,
): Promise<TimelineEntry[]> {
  return db<TimelineEntry>`
    select r.room_nid as "roomNid", e.nid, e.stream_ordering as "streamOrdering"
    from unnest(${roomNids}::int4[], ${after}::int8[]) as r(room_nid, after)
    cross join lateral (
      select nid, stream_ordering from events
      where room_nid = r.room_nid and stream_ordering > r.after and stream_ordering <= ${upTo}
        and rejected is null and not soft_failed
      order by stream_ordering desc limit ${limit}
    ) e
    order by r.room_nid, e.stream_ordering`;
}

/** The oldest `limit` shown events of some rooms together with after < position <= upTo, in order. */
export async function eventsOfRoomsAfter(
  db: Db,
  { roomNids, after, upTo, limit }: { roomNids: readonly number[]; after: number; upTo: number; limit: number },
): Promise<TimelineEntry[]> {
  return db<TimelineEntry>`
    select r.room_nid as "roomNid", e.nid, e.stream_ordering as "streamOrdering"
    from unnest(${roomNids}::int4[]) as r(room_nid)
    cross join lateral (
      select nid, stream_ordering from events
      where room_nid = r.room_nid and stream_ordering > ${after} and stream_ordering <= ${upTo}
        and rejected is null and not soft_failed
      order by stream_ordering limit ${limit}
    ) e
    order by e.stream_ordering limit ${limit}`;
}

/** A place in a room's history: by depth, and by stream position among equals. */
export interface TopologicalPosition {
  readonly depth: number;
  readonly streamOrdering: number;
}

export interface HistoryEntry extends TopologicalPosition {
  readonly nid: number;
}

/** Where a page of history begins that goes back. */
export interface HistoryStart extends TopologicalPosition {
  /** Events that came after this position are left out, wherever their place is. */
  readonly asOf?: number;
}

/** Events before `from` (not past `to`) in topological order, newest first. */
export async function historyBackwards(
  db: Db,
  roomNid: number,
  from: HistoryStart,
  to: TopologicalPosition | undefined,
  limit: number,
): Promise<HistoryEntry[]> {
  return db<HistoryEntry>`
    select nid, depth, stream_ordering as "streamOrdering" from events
    where room_nid = ${roomNid} and (depth, stream_ordering) <= (${from.depth}::int8, ${from.streamOrdering}::int8)
      and (depth, stream_ordering) > (${to?.depth ?? -1}::int8, ${to?.streamOrdering ?? 0}::int8)
      and stream_ordering <= ${from.asOf ?? Number.MAX_SAFE_INTEGER}
      and stream_ordering is not null and rejected is null and not soft_failed
    order by depth desc, stream_ordering desc limit ${limit}`;
}

/** Events after `from` (up to and with `to`) in topological order, oldest first. */
export async function historyForwards(
  db: Db,
  roomNid: number,
  from: TopologicalPosition,
  to: TopologicalPosition | undefined,
  limit: number,
): Promise<HistoryEntry[]> {
  return db<HistoryEntry>`
    select nid, depth, stream_ordering as "streamOrdering" from events
    where room_nid = ${roomNid} and (depth, stream_ordering) > (${from.depth}::int8, ${from.streamOrdering}::int8)
      and (depth, stream_ordering) <= (${to?.depth ?? Number.MAX_SAFE_INTEGER}::int8, ${to?.streamOrdering ?? Number.MAX_SAFE_INTEGER}::int8)
      and stream_ordering is not null and rejected is null and not soft_failed
    order by depth, stream_ordering limit ${limit}`;
}

/** The topological place of a live position: that of the newest event of the room at or before it. */
export async function topologicalPositionAt(db: Db, roomNid: number, streamOrdering: number): Promise<TopologicalPosition | undefined> {
  const rows = await db<TopologicalPosition>`
    select depth, stream_ordering as "streamOrdering" from events
    where room_nid = ${roomNid} and stream_ordering <= ${streamOrdering}
    order by stream_ordering desc limit 1`;
  return rows[0];
}

/**
 * The end of a room as it was at a live position: what came last need not lie deepest, as events of other servers come late. Reads what came
 * since.
 */
export async function deepestPlaceAt(db: Db, roomNid: number, streamOrdering: number): Promise<HistoryStart> {
  const rows = await db<{ depth: number }>`
    select depth from events
    where room_nid = ${roomNid} and stream_ordering <= ${streamOrdering} and stream_ordering is not null
    order by depth desc limit 1`;
  return { depth: rows[0]?.depth ?? 0, streamOrdering, asOf: streamOrdering };
}

/** The event nearest in time to ts, at or after it (forwards) or at or before it (backwards). MSC3030. */
export async function nearestEventByTime(
  db: Db,
  roomNid: number,
  ts: number,
  direction: "f" | "b",
): Promise<{ nid: number; eventId: string; originServerTs: number } | undefined> {
  const rows =
    direction === "f"
      ? await db<{ nid: number; eventId: string; originServerTs: number }>`
          select nid, event_id as "eventId", origin_server_ts as "originServerTs" from events
          where room_nid = ${roomNid} and origin_server_ts >= ${ts} and stream_ordering is not null and rejected is null
          order by origin_server_ts, depth, stream_ordering limit 1`
      : await db<{ nid: number; eventId: string; originServerTs: number }>`
          select nid, event_id as "eventId", origin_server_ts as "originServerTs" from events
          where room_nid = ${roomNid} and origin_server_ts <= ${ts} and stream_ordering is not null and rejected is null
          order by origin_server_ts desc, depth desc, stream_ordering desc limit 1`;
  return rows[0];
}

/** What of a transaction id is known already (client-server API, "Transaction identifiers"). */
export async function findTransactions(
  db: Db,
  txns: readonly { sender: string; device: string; roomNid: number; txnId: string }[],
): Promise<{ sender: string; device: string; roomNid: number; txnId: string; eventId: string; streamOrdering: number }[]> {
  return db`
    select e.sender, e.txn_device as device, e.room_nid as "roomNid", e.txn_id as "txnId", e.event_id as "eventId",
           e.stream_ordering as "streamOrdering"
    from unnest(${txns.map((t) => t.sender)}::text[], ${txns.map((t) => t.device)}::text[],
                ${txns.map((t) => t.roomNid)}::int4[], ${txns.map((t) => t.txnId)}::text[]) as t(sender, device, room_nid, txn_id)
    join events e on e.sender = t.sender and e.txn_device = t.device and e.room_nid = t.room_nid and e.txn_id = t.txn_id`;
}

/** Those of the ids whose event is stored, or named by a stored redaction. */
export async function mentionedEvents(db: Db, eventIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ eventId: string }>`
    select id as "eventId" from unnest(${eventIds}::text[]) as i(id)
    where exists (select from events where event_id = i.id) or exists (select from events where redacts = i.id)`;
  return rows.map(({ eventId }) => eventId);
}

/**
 * Numbers of events with a place in a room that name one of the given events as a predecessor. Reads all of the room that lies deeper than
 * `depth`, so ask it rarely.
 */
export async function followersOf(db: Db, roomNid: number, eventIds: readonly string[], depth: number): Promise<number[]> {
  const rows = await db<{ nid: number }>`
    select nid from events e
    where room_nid = ${roomNid} and stream_ordering is not null and depth > ${depth}
      and exists (select from unnest(${eventIds}::text[]) as i(id) where strpos(e.json, i.id) > 0
                  and strpos((e.json::json -> 'prev_events')::text, i.id) > 0)`;
  return rows.map(({ nid }) => nid);
}

/** Redactions of events that are part of their rooms, the oldest first. */
export async function redactionsOf(db: Db, eventIds: readonly string[], limit: number): Promise<{ nid: number; redacts: string }[]> {
  return db<{ nid: number; redacts: string }>`
    select nid, redacts from events
    where redacts = any(${eventIds}::text[]) and rejected is null and state_group is not null
    order by stream_ordering limit ${limit}`;
}

export interface Redaction {
  readonly eventId: string;
  readonly roomNid: number;
  readonly redactedBy: string;
  readonly redactedTs: number;
}

/** Takes the content of events away from readers, and notes since when, so that their text is overwritten in time. */
export async function markRedacted(db: Db, rows: readonly Redaction[]): Promise<void> {
  await db`
    with redacted as (
      update events e set redacted_by = r.redacted_by
      from unnest(${rows.map((r) => r.eventId)}::text[], ${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.redactedBy)}::text[],
                  ${rows.map((r) => r.redactedTs)}::int8[]) as r(event_id, room_nid, redacted_by, redacted_ts)
      where e.event_id = r.event_id and e.room_nid = r.room_nid and (e.redacted_by is null or e.redacted_by = ${BY_NO_EVENT})
      returning e.nid, r.redacted_ts
    )
    insert into redacted_texts (nid, redacted_ts) select nid, redacted_ts from redacted on conflict (nid) do nothing`;
}

/** An event as the events stream announces it: enough to move caches on and to know whom it concerns. */
export interface EventStreamRow {
  readonly nid: number;
  readonly roomNid: number;
  readonly roomId: string;
  readonly eventId: string;
  readonly type: string;
  readonly stateKey: string | null;
  readonly sender: string;
  readonly redacts: string | null;
  /** Set where the event changed the current state: the interned key, and what was there before. */
  readonly keyNid: number | null;
  readonly prevNid: number | null;
  readonly membership: string | null;
  readonly prevMembership: string | null;
  readonly displayName: string | null;
  /** More of the current state moved than this event's own key: what is remembered of the room's state is void. */
  readonly resets: boolean;
  /** The event that this one relates to, and how (`m.thread` and so on). */
  readonly relatesTo: string | null;
  readonly relType: string | null;
  /** What push rules made of it (caches/unreadTails). Null where the database has to be asked. */
  readonly push: JsonValue;
  /** The rest of what is stored of it (caches/toldEvent). Null likewise. */
  readonly stored: JsonValue;
}

/** Rows of the events stream with from < position <= to, in order. Soft-failed and rejected events are not announced. */
export async function eventsBetween(db: Db, from: number, to: number): Promise<{ id: number; row: EventStreamRow }[]> {
  type Read = Omit<EventStreamRow, "membership" | "prevMembership" | "displayName" | "push" | "stored">;
  const rows = await db<Read & MemberTexts & { id: number }>`
    select e.stream_ordering as id, e.nid, e.room_nid as "roomNid", r.room_id as "roomId", e.event_id as "eventId", e.type,
           e.state_key as "stateKey", e.sender, e.redacts, d.key_nid as "keyNid", d.prev_nid as "prevNid",
           case when e.type = 'm.room.member' then e.json end as "memberJson", p.json as "prevJson",
           (select count(*) from current_state_deltas a where a.room_nid = e.room_nid and a.stream_ordering = e.stream_ordering)
             > (case when d.nid is null then 0 else 1 end) as resets,
           rel.relates_to as "relatesTo", rel.rel_type as "relType"
    from events e join rooms r using (room_nid)
    left join current_state_deltas d on d.room_nid = e.room_nid and d.stream_ordering = e.stream_ordering and d.nid = e.nid
    left join events p on e.type = 'm.room.member' and p.nid = e.replaces_nid
    left join event_relations rel on rel.nid = e.nid
    where e.stream_ordering > ${from} and e.stream_ordering <= ${to} and e.rejected is null and not e.soft_failed
    order by e.stream_ordering`;
  return rows.map(({ id, memberJson, prevJson, ...row }) => {
    const content = contentOf(memberJson);
    return { id, row: { ...row, ...content, prevMembership: contentOf(prevJson).membership, push: null, stored: null } };
  });
}

/** Of a member event, its text and that of the one before it. */
interface MemberTexts {
  readonly memberJson: string | null;
  readonly prevJson: string | null;
}

/** Read here, since PostgreSQL gives up at escapes that it has no characters for: NUL, and halves of pairs. */
function contentOf(json: string | null): Pick<EventStreamRow, "membership" | "displayName"> {
  const content = json === null ? {} : (JSON.parse(json) as { readonly content: JsonObject }).content;
  const textOf = (value: JsonValue | undefined): string | null => (typeof value === "string" && !value.includes("\u0000") ? value : null);
  return { membership: textOf(content["membership"]), displayName: textOf(content["displayname"]) };
}

/** Where the newest event is, or was before it was deleted. */
export async function eventsHead(db: Db): Promise<number> {
  const rows = await db<{ head: number }>`
    select greatest((select max(stream_ordering) from events), (select max(up_to) from deleted_events), 0) as head`;
  return rows[0]?.head ?? 0;
}

/** The event of a room that was stored first of those that have a place in its history. */
export async function oldestPlace(db: Db, roomNid: number): Promise<{ nid: number; stateGroup: number } | undefined> {
  const rows = await db<{ nid: number; stateGroup: number }>`
    select nid, state_group as "stateGroup" from events
    where room_nid = ${roomNid} and stream_ordering is not null and state_group is not null and rejected is null
    order by stream_ordering limit 1`;
  return rows[0];
}

/** Positions for history that comes in late, each below all before it. */
export async function olderPositions(db: Db, count: number): Promise<number[]> {
  const rows = await db<{ id: number }>`select nextval('events_older_seq') as id from generate_series(1, ${count}::int4)`;
  return rows.map(({ id }) => id);
}
