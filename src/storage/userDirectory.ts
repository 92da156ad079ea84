import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { Fence } from "./leases";

/** What the directory needs to know of a user. */
export interface DirectoryFacts {
  readonly userId: string;
  /** Whether this is an account here that may be found: none that is deactivated, or stands for a bridge or a diagnosis. */
  readonly isFindable: boolean;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  /** In any room that somebody here is in; of these, in any that anybody may enter or read. */
  readonly inRoom: boolean;
  readonly inPublic: boolean;
}

/** Facts of the users, those whom nobody knows included. The name of a user elsewhere is the one of an open room, else the newest. */
export async function directoryFacts(db: Db, userIds: readonly string[]): Promise<DirectoryFacts[]> {
  return db<DirectoryFacts>`
    select w.user_id as "userId", u.user_id is not null and not u.deactivated and u.appservice_id is null
             and u.user_type is distinct from 'support' as "isFindable",
           case when u.user_id is null then m.display_name else p.displayname end as "displayName",
           case when u.user_id is null then m.avatar_url else p.avatar_url end as "avatarUrl",
           m.is_open is not null as "inRoom", coalesce(m.is_open, false) as "inPublic"
    from unnest(${userIds}::text[]) as w(user_id)
    left join users u on u.user_id = w.user_id
    left join profiles p on p.user_id = w.user_id
    left join lateral (
      select m.display_name, m.avatar_url,
             coalesce(s.join_rule, '') = 'public' or coalesce(s.history_visibility, '') = 'world_readable' as is_open
      from room_members m join room_stats s using (room_nid)
      where m.user_id = w.user_id and m.membership = 'join' and s.local_members > 0
      order by 3 desc, m.stream_ordering desc limit 1
    ) m on true`;
}

export interface DirectoryEntry {
  readonly userId: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  readonly isLocal: boolean;
  readonly inPublic: boolean;
  readonly folded: string;
  /** A tsvector as text. */
  readonly words: string;
}

export async function upsertDirectory(db: Db, rows: readonly DirectoryEntry[], fence?: Fence): Promise<void> {
  const { standsFor, instance, epoch } = fenceOf(fence);
  await db`
    insert into user_directory as d (user_id, display_name, avatar_url, is_local, in_public, folded, words)
    select user_id, display_name, avatar_url, is_local, in_public, folded, words::tsvector
    from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.displayName)}::text[], ${rows.map((r) => r.avatarUrl)}::text[],
      ${rows.map((r) => r.isLocal)}::bool[], ${rows.map((r) => r.inPublic)}::bool[], ${rows.map((r) => r.folded)}::text[],
      ${rows.map((r) => r.words)}::text[]) as r(user_id, display_name, avatar_url, is_local, in_public, folded, words)
    where holds_lease(${standsFor}::text, ${instance}::text, ${epoch}::int8)
    on conflict (user_id) do update set display_name = excluded.display_name, avatar_url = excluded.avatar_url,
      is_local = excluded.is_local, in_public = excluded.in_public, folded = excluded.folded, words = excluded.words
      where (d.display_name, d.avatar_url, d.in_public) is distinct from (excluded.display_name, excluded.avatar_url, excluded.in_public)`;
}

export async function deleteFromDirectory(db: Db, userIds: readonly string[], fence?: Fence): Promise<void> {
  const { standsFor, instance, epoch } = fenceOf(fence);
  await db`
    delete from user_directory
    where user_id = any(${userIds}::text[]) and holds_lease(${standsFor}::text, ${instance}::text, ${epoch}::int8)`;
}

/** A page of all who may belong in the directory, in the order of their ids. */
export async function directoryCandidates(db: Db, after: string, limit: number): Promise<string[]> {
  const rows = await db<{ userId: string }>`
    (select user_id as "userId" from users where user_id > ${after} and not deactivated order by user_id limit ${limit})
    union
    (select distinct user_id from room_members where user_id > ${after} and not is_local and membership = 'join' order by user_id limit ${limit})
    order by 1 limit ${limit}`;
  return rows.map(({ userId }) => userId);
}

/** Accounts that the directory lacks, a page of them. */
export async function accountsOutsideDirectory(db: Db, after: string, limit: number): Promise<string[]> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from users u
    where user_id > ${after} and not deactivated and appservice_id is null and not exists (select from user_directory d where d.user_id = u.user_id)
    order by user_id limit ${limit}`;
  return rows.map(({ userId }) => userId);
}

/** A page of the joined members of some rooms. */
export async function joinedMembersAfter(db: Db, roomNid: number, after: string, limit: number): Promise<string[]> {
  const rows = await db<{ userId: string }>`
    select user_id as "userId" from room_members where room_nid = ${roomNid} and user_id > ${after} and membership = 'join'
    order by user_id limit ${limit}`;
  return rows.map(({ userId }) => userId);
}

/** Those of the rooms that nobody of this server is in. */
export async function roomsWithoutUs(db: Db, roomNids: readonly number[]): Promise<number[]> {
  const rows = await db<{ roomNid: number }>`
    select room_nid as "roomNid" from room_stats where room_nid = any(${roomNids}::int4[]) and local_members <= 0`;
  return rows.map(({ roomNid }) => roomNid);
}

export interface DirectorySearch {
  readonly userId: string;
  /** tsqueries as text: all words whole, and all words begun. */
  readonly exact: string;
  readonly begun: string;
  readonly folded: string;
  readonly limit: number;
  readonly everybody: boolean;
  readonly localOnly: boolean;
  readonly localFirst: boolean;
  readonly locked: boolean;
}

/** The best of those who fit: in an open room, who asks among them, or in a room with who asks, unless everybody may be found. */
export async function searchDirectory(
  db: Db,
  s: DirectorySearch,
): Promise<{ userId: string; displayName: string | null; avatarUrl: string | null }[]> {
  return db`
    select d.user_id as "userId", d.display_name as "displayName", d.avatar_url as "avatarUrl"
    from user_directory d left join users u on u.user_id = d.user_id
    where d.words @@ ${s.begun}::text::tsquery
      and not coalesce(u.deactivated, false) and (${s.locked} or not coalesce(u.locked, false)) and (d.is_local or not ${s.localOnly})
      and (d.in_public or (d.user_id <> ${s.userId} and (${s.everybody} or exists (
        select from room_members theirs join room_members mine using (room_nid)
        where theirs.user_id = d.user_id and theirs.membership = 'join' and mine.user_id = ${s.userId} and mine.membership = 'join'))))
    order by (case when d.is_local and ${s.localFirst} then 2 else 1 end) * (case when d.folded = ${s.folded} then 2 else 1 end)
        * (case when d.display_name is null then 1 else 1.2 end) * (case when d.avatar_url is null then 1 else 1.2 end)
        * (3 * ts_rank_cd('{0.1,0.1,0.9,1}', d.words, ${s.exact}::text::tsquery) + ts_rank_cd('{0.1,0.1,0.9,1}', d.words, ${s.begun}::text::tsquery))
      desc, d.user_id
    limit ${s.limit}`;
}
