import type { Db } from "./db";
import type { EventRow } from "./events";

/** An event to store. relation: what m.relates_to says, if it counts as a relation. */
export interface NewEventRow extends Omit<EventRow, "redactedBy" | "streamOrdering"> {
  readonly streamOrdering: number | null;
  readonly containsUrl: boolean;
  readonly relation:
    { readonly relatesTo: string; readonly relType: string; readonly key: string | null; readonly isValid: boolean } | undefined;
}

export async function insertEvents(db: Db, rows: readonly NewEventRow[]): Promise<void> {
  await db`
    insert into events (nid, stream_ordering, room_nid, event_id, type, state_key, sender, depth, origin_server_ts, received_ts,
                        json, state_group, replaces_nid, redacts, rejected, soft_failed, contains_url, txn_device, txn_id)
    select * from unnest(
      ${rows.map((r) => r.nid)}::int8[], ${rows.map((r) => r.streamOrdering)}::int8[], ${rows.map((r) => r.roomNid)}::int4[],
      ${rows.map((r) => r.eventId)}::text[], ${rows.map((r) => r.type)}::text[], ${rows.map((r) => r.stateKey)}::text[],
      ${rows.map((r) => r.sender)}::text[], ${rows.map((r) => r.depth)}::int8[], ${rows.map((r) => r.originServerTs)}::int8[],
      ${rows.map((r) => r.receivedTs)}::int8[], ${rows.map((r) => r.json)}::text[], ${rows.map((r) => r.stateGroup)}::int8[],
      ${rows.map((r) => r.replacesNid)}::int8[], ${rows.map((r) => r.redacts)}::text[], ${rows.map((r) => r.rejected)}::text[],
      ${rows.map((r) => r.softFailed)}::bool[], ${rows.map((r) => r.containsUrl)}::bool[], ${rows.map((r) => r.txnDevice)}::text[],
      ${rows.map((r) => r.txnId)}::text[])
    -- An event that others referred to finds its own place. If it had one before its history was purged, what it replaced is known.
    on conflict (nid) do update set stream_ordering = excluded.stream_ordering, state_group = excluded.state_group,
      replaces_nid = coalesce(excluded.replaces_nid, events.replaces_nid), received_ts = excluded.received_ts, rejected = excluded.rejected, soft_failed = excluded.soft_failed`;
}

/** Counts the members of rooms anew, where more than one membership changed at once. */
export async function recountMembers(db: Db, roomNids: readonly number[]): Promise<void> {
  await db`
    update room_stats s set joined_members = c.joined, invited_members = c.invited, local_members = c.local
    from (select room_nid, count(*) filter (where membership = 'join') as joined, count(*) filter (where membership = 'invite') as invited,
                 count(*) filter (where membership = 'join' and is_local) as local
          from room_members where room_nid = any(${roomNids}::int4[]) group by room_nid) c
    where s.room_nid = c.room_nid`;
}

export async function insertRelations(db: Db, events: readonly NewEventRow[]): Promise<void> {
  const rows = events.flatMap((e) => (e.relation ? [{ e, relation: e.relation }] : []));
  await db`
    insert into event_relations (nid, room_nid, relates_to, rel_type, aggregation_key, type, sender, stream_ordering, is_valid)
    select * from unnest(
      ${rows.map((r) => r.e.nid)}::int8[], ${rows.map((r) => r.e.roomNid)}::int4[], ${rows.map((r) => r.relation.relatesTo)}::text[],
      ${rows.map((r) => r.relation.relType)}::text[], ${rows.map((r) => r.relation.key)}::text[], ${rows.map((r) => r.e.type)}::text[],
      ${rows.map((r) => r.e.sender)}::text[], ${rows.map((r) => r.e.streamOrdering)}::int8[],
      ${rows.map((r) => r.relation.isValid)}::bool[])
    on conflict (nid) do nothing`;
}

/** What a room shows of itself, and by how many its member counts moved. */
export interface RoomStatsChange {
  readonly roomNid: number;
  readonly name: string | null;
  readonly topic: string | null;
  readonly canonicalAlias: string | null;
  readonly avatarUrl: string | null;
  readonly joinRule: string | null;
  readonly historyVisibility: string | null;
  readonly guestAccess: string | null;
  readonly encryption: string | null;
  readonly roomType: string | null;
  readonly joinedDelta: number;
  readonly invitedDelta: number;
  readonly localDelta: number;
}

export async function changeRoomStats(db: Db, rows: readonly RoomStatsChange[]): Promise<void> {
  await db`
    insert into room_stats as s (room_nid, name, topic, canonical_alias, avatar_url, join_rule, history_visibility, guest_access,
                                 encryption, room_type, joined_members, invited_members, local_members)
    select * from unnest(
      ${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.name)}::text[], ${rows.map((r) => r.topic)}::text[],
      ${rows.map((r) => r.canonicalAlias)}::text[], ${rows.map((r) => r.avatarUrl)}::text[], ${rows.map((r) => r.joinRule)}::text[],
      ${rows.map((r) => r.historyVisibility)}::text[], ${rows.map((r) => r.guestAccess)}::text[], ${rows.map((r) => r.encryption)}::text[],
      ${rows.map((r) => r.roomType)}::text[], ${rows.map((r) => r.joinedDelta)}::int4[], ${rows.map((r) => r.invitedDelta)}::int4[],
      ${rows.map((r) => r.localDelta)}::int4[])
    on conflict (room_nid) do update set
      name = excluded.name, topic = excluded.topic, canonical_alias = excluded.canonical_alias, avatar_url = excluded.avatar_url,
      join_rule = excluded.join_rule, history_visibility = excluded.history_visibility, guest_access = excluded.guest_access,
      encryption = excluded.encryption, room_type = excluded.room_type,
      joined_members = s.joined_members + excluded.joined_members,
      invited_members = s.invited_members + excluded.invited_members,
      local_members = s.local_members + excluded.local_members`;
}
