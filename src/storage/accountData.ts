import type { Db } from "./db";

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

/** Catch-up of the stream account_data. */
export async function accountDataStreamBetween(
  db: Db,
  from: number,
  to: number,
): Promise<{ id: number; row: { userId: string; roomId: string | null; type: string } }[]> {
  const rows = await db<{ streamId: number; userId: string; roomId: string | null; type: string }>`
    select stream_id as "streamId", user_id as "userId", nullif(room_id, '') as "roomId", type
    from account_data where stream_id > ${from} and stream_id <= ${to} order by stream_id`;
  return rows.map(({ streamId, ...row }) => ({ id: streamId, row }));
}

/** A piece to store. readEventId: of an m.fully_read marker, which never moves back. */
export interface NewAccountData extends AccountDataKey {
  readonly streamId: number;
  readonly content: string;
  readonly readEventId: string | null;
}

/** Stores pieces, each key at most once. Gives the ids of those that changed something: a marker may be behind the stored one. */
export async function upsertAccountData(db: Db, rows: readonly NewAccountData[]): Promise<number[]> {
  const stored = await db<{ streamId: number }>`
    insert into account_data as a (user_id, room_id, type, stream_id, content, event_ordering)
    select n.user_id, n.room_id, n.type, n.stream_id, n.content, e.stream_ordering
    from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.roomId)}::text[], ${rows.map((r) => r.type)}::text[],
                ${rows.map((r) => r.streamId)}::int8[], ${rows.map((r) => r.content)}::text[], ${rows.map((r) => r.readEventId)}::text[])
      as n(user_id, room_id, type, stream_id, content, event_id)
    left join rooms r on n.event_id is not null and r.room_id = n.room_id
    left join events e on e.event_id = n.event_id and e.room_nid = r.room_nid
    on conflict (user_id, room_id, type) do update
      set stream_id = excluded.stream_id, content = excluded.content, event_ordering = excluded.event_ordering
      where excluded.event_ordering is null or a.event_ordering is null or excluded.event_ordering > a.event_ordering
    returning stream_id as "streamId"`;
  return stored.map((row) => row.streamId);
}

/** Positions of events, for comparing markers. Unknown events and outliers are left out. */
export async function eventOrderings(db: Db, eventIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await db<{ eventId: string; streamOrdering: number }>`
    select event_id as "eventId", stream_ordering as "streamOrdering" from events
    where event_id = any(${eventIds}::text[]) and stream_ordering is not null`;
  return new Map(rows.map((row) => [row.eventId, row.streamOrdering]));
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
