import type { Db } from "./db";

/** Keys from here on are those of member events. */
export const FIRST_MEMBER_KEY = 2 ** 30;

/** A state event's place in the state of a room: (type, state_key), interned. */
export interface StateKeyRow {
  readonly keyNid: number;
  readonly type: string;
  readonly stateKey: string;
}

/** Interns the pairs; what is new gets an id. In no order, each pair once. */
export async function internStateKeys(db: Db, pairs: readonly { type: string; stateKey: string }[]): Promise<StateKeyRow[]> {
  const types = pairs.map((p) => p.type);
  const keys = pairs.map((p) => p.stateKey);
  // No update on conflict: it would write a row for each known pair. What another process inserts meanwhile is read back.
  const rows = await db<StateKeyRow & { pairs: number }>`
    with p as materialized (
      select p.type, p.state_key, (select key_nid from state_keys k where k.type = p.type and k.state_key = p.state_key) as key_nid
      from (select distinct type, state_key from unnest(${types}::text[], ${keys}::text[]) as p(type, state_key)) p
    ), fresh as (
      insert into state_keys (key_nid, type, state_key)
      select case type when 'm.room.member' then nextval('state_member_keys_seq') else nextval('state_keys_seq') end, type, state_key
      from p where key_nid is null order by type, state_key
      on conflict do nothing returning key_nid, type, state_key
    )
    select key_nid as "keyNid", type, state_key as "stateKey", (select count(*) from p) as pairs
    from (select key_nid, type, state_key from p where key_nid is not null union all select key_nid, type, state_key from fresh) k`;
  return rows[0] && rows.length === rows[0].pairs ? rows : findStateKeys(db, pairs);
}

/** The pairs that are known. Each is looked up by itself: a join that was planned while the table was small would read all of it later. */
export async function findStateKeys(db: Db, pairs: readonly { type: string; stateKey: string }[]): Promise<StateKeyRow[]> {
  return db<StateKeyRow>`
    with p as materialized (
      select p.type, p.state_key, (select key_nid from state_keys k where k.type = p.type and k.state_key = p.state_key) as key_nid
      from unnest(${pairs.map((p) => p.type)}::text[], ${pairs.map((p) => p.stateKey)}::text[]) as p(type, state_key)
    )
    select key_nid as "keyNid", type, state_key as "stateKey" from p where key_nid is not null`;
}

export async function getStateKeys(db: Db, keyNids: readonly number[]): Promise<StateKeyRow[]> {
  return db<StateKeyRow>`
    select key_nid as "keyNid", type, state_key as "stateKey" from state_keys where key_nid = any(${keyNids}::int4[])`;
}

/** A state group: a delta on its parent, or a snapshot. keys and nids are parallel and sorted by key. */
export interface StateGroupRow {
  readonly id: number;
  readonly roomNid: number;
  readonly prevId: number | null;
  readonly hops: number;
  readonly weight: number;
  readonly keys: number[];
  readonly nids: number[];
}

/** The chains of groups down to their snapshots, each with the group itself first. */
export async function getStateGroupChains(db: Db, ids: readonly number[]): Promise<(StateGroupRow & { readonly root: number })[]> {
  return db<StateGroupRow & { root: number }>`
    with recursive chain as (
      select g.id as root, 0 as at, g.* from state_groups g where g.id = any(${ids}::int8[])
      union all
      select c.root, c.at + 1, g.* from chain c join state_groups g on g.id = c.prev_id
    )
    select root, id, room_nid as "roomNid", prev_id as "prevId", hops, weight, keys, nids from chain order by root, at`;
}

/** Stores groups. Arrays of arrays travel as text, since unnest would flatten them. */
export async function insertStateGroups(db: Db, groups: readonly StateGroupRow[]): Promise<void> {
  await db`
    insert into state_groups (id, room_nid, prev_id, hops, weight, keys, nids)
    select id, room_nid, prev_id, hops, weight, string_to_array(keys, ',')::int4[], string_to_array(nids, ',')::int8[]
    from unnest(${groups.map((g) => g.id)}::int8[], ${groups.map((g) => g.roomNid)}::int4[], ${groups.map((g) => g.prevId)}::int8[],
                ${groups.map((g) => g.hops)}::int4[], ${groups.map((g) => g.weight)}::int4[],
                ${groups.map((g) => g.keys.join(","))}::text[], ${groups.map((g) => g.nids.join(","))}::text[])
      as g(id, room_nid, prev_id, hops, weight, keys, nids)`;
}

export interface StateDeltaRow {
  readonly roomNid: number;
  readonly streamOrdering: number;
  readonly keyNid: number;
  readonly prevNid: number | null;
  readonly nid: number | null;
}

export async function insertStateDeltas(db: Db, rows: readonly StateDeltaRow[]): Promise<void> {
  await db`
    insert into current_state_deltas (room_nid, stream_ordering, key_nid, prev_nid, nid)
    select * from unnest(${rows.map((r) => r.roomNid)}::int4[], ${rows.map((r) => r.streamOrdering)}::int8[],
      ${rows.map((r) => r.keyNid)}::int4[], ${rows.map((r) => r.prevNid)}::int8[], ${rows.map((r) => r.nid)}::int8[])`;
}

/** How the current state of each room moved with after[i] < position <= upTo, oldest first. */
export async function stateDeltasBetween(
  db: Db,
  roomNids: readonly number[],
  after: readonly number[],
  upTo: number,
): Promise<StateDeltaRow[]> {
  return db<StateDeltaRow>`
    select d.room_nid as "roomNid", d.stream_ordering as "streamOrdering", d.key_nid as "keyNid", d.prev_nid as "prevNid", d.nid
    from unnest(${roomNids}::int4[], ${after}::int8[]) as r(room_nid, after)
    join current_state_deltas d on d.room_nid = r.room_nid and d.stream_ordering > r.after and d.stream_ordering <= ${upTo}
    order by d.room_nid, d.stream_ordering`;
}

export type IdSequence = "rooms_nid_seq" | "events_nid_seq" | "state_groups_seq";

/** Reserves a block of ids: the sequence steps by the size of a block, and gives its first id. */
export async function reserveIdBlock(db: Db, sequence: IdSequence): Promise<{ first: number; size: number }> {
  const rows = await db<{ first: number }>`select nextval(${sequence}::text::regclass) as first`;
  const row = rows[0];
  if (!row) throw new Error(`no id from ${sequence}`);
  return { first: row.first, size: 256 };
}
