import type { Db } from "./db";

/** An account as lists of accounts show it to administrators. */
export interface ListedUser {
  readonly name: string;
  readonly user_type: string | null;
  readonly is_guest: boolean;
  readonly admin: boolean;
  readonly deactivated: boolean;
  readonly shadow_banned: boolean;
  readonly displayname: string | null;
  readonly avatar_url: string | null;
  readonly creation_ts: number;
  readonly approved: boolean;
  readonly erased: boolean;
  readonly last_seen_ts: number | null;
  readonly locked: boolean;
}

export type UserOrder = Exclude<keyof ListedUser, "approved" | "erased">;

/** Which accounts are listed; undefined: whatever they are. */
export interface UserFilter {
  /** Part of the name of the account, or of the display name; capitals do not count. */
  readonly name: string | undefined;
  /** Part of the id. */
  readonly userId: string | undefined;
  readonly isGuest: boolean | undefined;
  readonly isAdmin: boolean | undefined;
  readonly isDeactivated: boolean | undefined;
  readonly isLocked: boolean | undefined;
  readonly isApproved: boolean | undefined;
  /** Accounts of these types are left out; "": those without a type. */
  readonly exceptTypes: readonly string[];
}

export interface UserPage {
  readonly from: number;
  readonly limit: number;
  readonly orderBy: UserOrder;
  readonly dir: "f" | "b";
}

/** A page of the accounts, and how many there are in all. */
export async function listUsers(db: Db, filter: UserFilter, page: UserPage): Promise<{ users: ListedUser[]; total: number }> {
  const { orderBy, dir, from, limit } = page;
  const rows = await db<{ users: ListedUser[]; total: number }>`
    with found as (
      select u.user_id as name, u.user_type, u.is_guest, u.admin, u.deactivated, u.shadow_banned, p.displayname, p.avatar_url,
             u.created_ts as creation_ts, u.approved, u.erased, seen.last_seen_ts, u.locked
      from users u left join profiles p using (user_id)
      left join lateral (select max(last_seen_ts) as last_seen_ts from user_ips i where i.user_id = u.user_id) seen on true
      where (${filter.name ?? null}::text is null
          or strpos(lower(substr(u.user_id, 2, strpos(u.user_id, ':') - 2)), lower(${filter.name ?? null})) > 0
          or strpos(lower(p.displayname), lower(${filter.name ?? null})) > 0)
        and (${filter.userId ?? null}::text is null or strpos(lower(u.user_id), lower(${filter.userId ?? null})) > 0)
        and (${filter.isGuest ?? null}::bool is null or u.is_guest = ${filter.isGuest ?? null})
        and (${filter.isAdmin ?? null}::bool is null or u.admin = ${filter.isAdmin ?? null})
        and (${filter.isDeactivated ?? null}::bool is null or u.deactivated = ${filter.isDeactivated ?? null})
        and (${filter.isLocked ?? null}::bool is null or u.locked = ${filter.isLocked ?? null})
        and (${filter.isApproved ?? null}::bool is null or u.approved = ${filter.isApproved ?? null})
        and coalesce(u.user_type, '') <> all(${filter.exceptTypes}::text[])
    ), page as (
      select found.* from found cross join lateral (select
        case ${orderBy} when 'is_guest' then is_guest::int when 'admin' then admin::int when 'deactivated' then deactivated::int
          when 'shadow_banned' then shadow_banned::int when 'locked' then locked::int when 'creation_ts' then creation_ts
          when 'last_seen_ts' then last_seen_ts end as number,
        case ${orderBy} when 'name' then name when 'displayname' then displayname when 'avatar_url' then avatar_url
          when 'user_type' then user_type end as text) key
      order by case when ${dir} = 'f' then key.number end asc, case when ${dir} = 'b' then key.number end desc nulls last,
        case when ${dir} = 'f' then key.text end asc, case when ${dir} = 'b' then key.text end desc nulls last, name
      limit ${limit} offset ${from}
    )
    select (select count(*) from found) as total, (select coalesce(json_agg(page), '[]') from page) as users`;
  return rows[0] ?? { users: [], total: 0 };
}

/** What only administrators see of an account, besides what the list shows. */
export interface UserDetails extends ListedUser {
  readonly appservice_id: string | null;
  readonly suspended: boolean;
  readonly consent_version: string | null;
  readonly consent_ts: number | null;
  readonly consent_server_notice_sent: string | null;
}

export async function getUserDetails(db: Db, userId: string): Promise<UserDetails | undefined> {
  const rows = await db<UserDetails>`
    select u.user_id as name, u.user_type, u.is_guest, u.admin, u.deactivated, u.shadow_banned, p.displayname, p.avatar_url,
           u.created_ts as creation_ts, u.approved, u.erased, u.locked, u.appservice_id, u.suspended, u.consent_version, u.consent_ts,
           u.consent_notice_version as consent_server_notice_sent,
           (select max(last_seen_ts) from user_ips i where i.user_id = u.user_id) as last_seen_ts
    from users u left join profiles p using (user_id) where u.user_id = ${userId}`;
  return rows[0];
}

/** Invitations that somebody of this server sent from a time on (ms). */
export async function countInvitesBy(db: Db, userId: string, fromTs: number): Promise<number> {
  const rows = await db<{ count: number }>`
    select count(*) as count from events
    where type = 'm.room.member' and sender = ${userId} and received_ts >= ${fromTs} and rejected is null
      and json::json -> 'content' ->> 'membership' = 'invite'`;
  return rows[0]?.count ?? 0;
}

/** Rooms that somebody joined from a time on (ms), whether they are still in them or not. */
export async function countRoomsJoinedBy(db: Db, userId: string, fromTs: number): Promise<number> {
  const rows = await db<{ count: number }>`
    select count(distinct room_nid) as count from events
    where type = 'm.room.member' and state_key = ${userId} and received_ts >= ${fromTs} and rejected is null
      and json::json -> 'content' ->> 'membership' = 'join'`;
  return rows[0]?.count ?? 0;
}

/** Until when (ms) new cross-signing keys of the user need no proof; undefined: they do. */
export async function keysReplaceableUntil(db: Db, userId: string): Promise<number | undefined> {
  const rows = await db<{ until: number | null }>`select keys_replaceable_until as until from users where user_id = ${userId}`;
  return rows[0]?.until ?? undefined;
}

/** undefined: from now on they need it again. */
export async function setKeysReplaceableUntil(db: Db, userId: string, until: number | undefined): Promise<void> {
  await db`update users set keys_replaceable_until = ${until ?? null} where user_id = ${userId}`;
}

/** How many messages a user may send, in place of what is configured; 0 per second: as many as they like. */
export interface MessageLimit {
  readonly messagesPerSecond: number;
  readonly burstCount: number;
}

/** undefined: what is configured. The caller publishes an account change afterwards. */
export async function setMessageLimit(db: Db, userId: string, limit: MessageLimit | undefined): Promise<void> {
  await db`
    update users set messages_per_second = ${limit?.messagesPerSecond ?? null}, burst_count = ${limit?.burstCount ?? null}
    where user_id = ${userId}`;
}

export async function featuresOf(db: Db, userId: string): Promise<{ feature: string; enabled: boolean }[]> {
  return db`select feature, enabled from user_features where user_id = ${userId}`;
}

export async function setFeatures(db: Db, userId: string, features: Readonly<Record<string, boolean>>): Promise<void> {
  await db`
    insert into user_features (user_id, feature, enabled)
    select ${userId}::text, feature, enabled
    from unnest(${Object.keys(features)}::text[], ${Object.values(features)}::bool[]) as f (feature, enabled) order by 2
    on conflict (user_id, feature) do update set enabled = excluded.enabled`;
}
