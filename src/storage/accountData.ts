import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { StreamLock } from "./streamIds";

/** One piece of account data. roomId is "" for what belongs to no room; content is JSON text. */
export interface AccountDataRow {
  readonly roomId: string;
  readonly type: string;
  readonly content: string;
}

/** Which piece: of a user, a room or "" for none, and a type. */
export interface AccountDataKey {
  readonly userId: string;
  readonly roomId: string;
  readonly type: string;
}

export async function getAccountData(db: Db, keys: readonly AccountDataKey[]): Promise<(AccountDataKey & AccountDataRow)[]> {
  return db`
    select a.user_id as "userId", a.room_id as "roomId", a.type, a.content
    from unnest(${keys.map((k) => k.userId)}::text[], ${keys.map((k) => k.roomId)}::text[], ${keys.map((k) => k.type)}::text[])
      as k(user_id, room_id, type)
    join account_data a using (user_id, room_id, type)`;
}

/** Everything of a user, without a room and of all rooms. */
export async function allAccountData(db: Db, userId: string): Promise<AccountDataRow[]> {
  return db<AccountDataRow>`select room_id as "roomId", type, content from account_data where user_id = ${userId} order by stream_id`;
}

/** What changed at from < position <= to, in the order in which it changed. */
export async function accountDataBetween(db: Db, userId: string, from: number, to: number): Promise<AccountDataRow[]> {
  return db<AccountDataRow>`
    select room_id as "roomId", type, content from account_data
    where user_id = ${userId} and stream_id > ${from} and stream_id <= ${to} order by stream_id`;
}

export async function accountDataOfRooms(db: Db, userId: string, roomIds: readonly string[]): Promise<AccountDataRow[]> {
  return db<AccountDataRow>`
    select room_id as "roomId", type, content from account_data
    where user_id = ${userId} and room_id = any(${roomIds}::text[]) order by stream_id`;
}

/** The tags (m.tag) that users gave their rooms. */
export async function roomTagsOf(db: Db, userIds: readonly string[]): Promise<{ userId: string; roomId: string; content: string }[]> {
  return db`
    select user_id as "userId", room_id as "roomId", content from account_data
    where user_id = any(${userIds}::text[]) and room_id <> '' and type = 'm.tag'`;
}

/** A row of the stream account_data; roomId null for what belongs to no room. */
export interface AccountDataChange {
  readonly id: number;
  readonly row: { readonly userId: string; readonly roomId: string | null; readonly type: string };
}

/** Catch-up of the stream account_data. */
export async function accountDataStreamBetween(db: Db, from: number, to: number): Promise<AccountDataChange[]> {
  const rows = await db<AccountDataChange["row"] & { id: number }>`
    select stream_id as id, user_id as "userId", nullif(room_id, '') as "roomId", type
    from account_data where stream_id > ${from} and stream_id <= ${to} order by stream_id`;
  return rows.map(({ id, ...row }) => ({ id, row }));
}

/** A piece to store. readEventId: of an m.fully_read marker, which never moves back. */
export interface NewAccountData extends AccountDataKey {
  readonly content: string;
  readonly readEventId: string | null;
}

/**
 * Stores pieces; of several with one key the last counts, of markers the furthest. One statement that holds the stream's lock
 * only from its ids to its commit. Gives what changed, in stream order.
 */
export async function insertAccountData(db: Db, lock: StreamLock, rows: readonly NewAccountData[]): Promise<AccountDataChange[]> {
  const { standsFor, instance, epoch } = fenceOf(lock.fence);
  // Stale markers drop out before they take an id, since readers take ids that are missing for rows that they missed.
  const stored = await db<AccountDataChange["row"] & { id: number }>`
    with locked as materialized (select lock_stream(${lock.lockKey}::int8, ${standsFor}::text, ${instance}::text, ${epoch}::int8)),
    input as (
      select distinct on (n.user_id, n.room_id, n.type) n.*, e.stream_ordering
      from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.roomId)}::text[], ${rows.map((r) => r.type)}::text[],
                  ${rows.map((r) => r.content)}::text[], ${rows.map((r) => r.readEventId)}::text[])
        with ordinality as n(user_id, room_id, type, content, event_id, ord)
      left join rooms m on n.event_id is not null and m.room_id = n.room_id
      left join events e on e.event_id = n.event_id and e.room_nid = m.room_nid
      order by n.user_id, n.room_id, n.type, e.stream_ordering desc nulls first, n.ord desc
    )
    insert into account_data as a (user_id, room_id, type, stream_id, content, event_ordering)
    select user_id, room_id, type, nextval('account_data_stream_seq'), content, stream_ordering
    from locked cross join input i
    where i.stream_ordering is null or not exists (
      select from account_data o
      where o.user_id = i.user_id and o.room_id = i.room_id and o.type = i.type and o.event_ordering >= i.stream_ordering)
    on conflict (user_id, room_id, type) do update
      set stream_id = excluded.stream_id, content = excluded.content, event_ordering = excluded.event_ordering
      where excluded.event_ordering is null or a.event_ordering is null or excluded.event_ordering > a.event_ordering
    returning stream_id as id, user_id as "userId", nullif(room_id, '') as "roomId", type`;
  return stored.sort((x, y) => x.id - y.id).map(({ id, ...row }) => ({ id, row }));
}

/** Makes the sets of ignored users what the lists say. */
export async function replaceIgnoredUsers(db: Db, lists: readonly { ignorer: string; ignored: readonly string[] }[]): Promise<void> {
  const pairs = lists.flatMap(({ ignorer, ignored }) => ignored.map((user) => ({ ignorer, user })));
  await db`
    with wanted as (
      select distinct * from unnest(${pairs.map((p) => p.ignorer)}::text[], ${pairs.map((p) => p.user)}::text[]) as w(ignorer, ignored)
    ), gone as (
      delete from ignored_users i where ignorer = any(${lists.map((l) => l.ignorer)}::text[])
        and not exists (select from wanted w where w.ignorer = i.ignorer and w.ignored = i.ignored)
    )
    insert into ignored_users (ignorer, ignored) select ignorer, ignored from wanted on conflict do nothing`;
}

/** Whom each user ignores. */
export async function ignoredBy(db: Db, ignorers: readonly string[]): Promise<{ ignorer: string; ignored: string[] }[]> {
  return db`
    select ignorer, array_agg(ignored) as ignored from ignored_users where ignorer = any(${ignorers}::text[]) group by ignorer`;
}

/** Who ignores each user. */
export async function ignorersOf(db: Db, ignored: readonly string[]): Promise<{ ignored: string; ignorers: string[] }[]> {
  return db`
    select ignored, array_agg(ignorer) as ignorers from ignored_users where ignored = any(${ignored}::text[]) group by ignored`;
}

/** Forgets everything of users, for accounts that are erased. */
export async function deleteAccountDataOfUsers(db: Db, userIds: readonly string[]): Promise<void> {
  await Promise.all([
    db`delete from account_data where user_id = any(${userIds}::text[])`,
    db`delete from ignored_users where ignorer = any(${userIds}::text[])`,
    db`delete from user_filters where user_id = any(${userIds}::text[])`,
  ]);
}
