import type { JsonObject } from "../lib/json";
import type { Db } from "./db";

/** A pusher as its user set it (client-server API, "Pusher"). */
export interface PusherSettings {
  readonly userId: string;
  readonly appId: string;
  readonly pushkey: string;
  readonly kind: string;
  readonly appDisplayName: string;
  readonly deviceDisplayName: string;
  readonly profileTag: string;
  readonly lang: string;
  readonly data: JsonObject;
  /** The device that set it, with which it goes. */
  readonly deviceId: string | null;
  /** Whether it pushes at present (MSC3881). */
  readonly enabled: boolean;
}

/** A pusher with its progress. Times are in ms since the epoch. */
export interface Pusher extends PusherSettings {
  readonly createdTs: number;
  readonly lastStreamOrdering: number;
  readonly lastSuccessTs: number | null;
  readonly failingSinceTs: number | null;
}

/** A row of the stream pushers. */
export interface PusherChange {
  readonly userId: string;
  readonly appId: string;
  readonly pushkey: string;
  readonly deleted: boolean;
}

export type PusherKey = Omit<PusherChange, "deleted">;

type StoredPusher = Omit<Pusher, "data"> & { readonly data: string };
const parsed = (rows: readonly StoredPusher[]): Pusher[] => rows.map((row) => ({ ...row, data: JSON.parse(row.data) as JsonObject }));

export async function pushersOfUsers(db: Db, userIds: readonly string[]): Promise<Pusher[]> {
  return parsed(
    await db<StoredPusher>`
      select user_id as "userId", app_id as "appId", pushkey, kind, app_display_name as "appDisplayName",
             device_display_name as "deviceDisplayName", profile_tag as "profileTag", lang, data, device_id as "deviceId",
             created_ts as "createdTs", last_stream_ordering as "lastStreamOrdering", last_success_ts as "lastSuccessTs",
             failing_since_ts as "failingSinceTs", enabled
      from pushers where user_id = any(${userIds}::text[]) order by user_id, stream_id`,
  );
}

/** Every pusher there is, by user: for the services that push. */
export async function allPushers(db: Db, afterUser: string, limit: number): Promise<Pusher[]> {
  return parsed(
    await db<StoredPusher>`
      select user_id as "userId", app_id as "appId", pushkey, kind, app_display_name as "appDisplayName",
             device_display_name as "deviceDisplayName", profile_tag as "profileTag", lang, data, device_id as "deviceId",
             created_ts as "createdTs", last_stream_ordering as "lastStreamOrdering", last_success_ts as "lastSuccessTs",
             failing_since_ts as "failingSinceTs", enabled
      from pushers
      where user_id in (select distinct user_id from pushers where user_id > ${afterUser} order by user_id limit ${limit})
      order by user_id, stream_id`,
  );
}

/** Users other than userId whose pusher has this app and key. */
export async function othersWithPushkey(db: Db, pusher: PusherKey): Promise<PusherKey[]> {
  return db<PusherKey>`
    select user_id as "userId", app_id as "appId", pushkey from pushers
    where app_id = ${pusher.appId} and pushkey = ${pusher.pushkey} and user_id <> ${pusher.userId}`;
}

/** Adds a pusher, or changes what its user set of it; one that was switched off begins anew. Takes the stream's lock (lockKey): call it last in a transaction. */
export async function putPusher(
  tx: Db,
  lockKey: number,
  pusher: PusherSettings & Pick<Pusher, "createdTs" | "lastStreamOrdering">,
): Promise<{ id: number; row: PusherChange }[]> {
  const rows = await tx<{ id: number }>`
    with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
    insert into pushers as p (user_id, app_id, pushkey, stream_id, kind, app_display_name, device_display_name, profile_tag, lang, data,
                         device_id, created_ts, last_stream_ordering, enabled)
    select ${pusher.userId}::text, ${pusher.appId}::text, ${pusher.pushkey}::text, nextval('pushers_stream_seq'), ${pusher.kind}::text,
           ${pusher.appDisplayName}::text, ${pusher.deviceDisplayName}::text, ${pusher.profileTag}::text, ${pusher.lang}::text,
           ${JSON.stringify(pusher.data)}::text, ${pusher.deviceId}::text, ${pusher.createdTs}::int8, ${pusher.lastStreamOrdering}::int8,
           ${pusher.enabled}::bool
    from l
    on conflict (user_id, app_id, pushkey) do update set
      last_stream_ordering = case when p.enabled then p.last_stream_ordering else excluded.last_stream_ordering end,
      stream_id = excluded.stream_id, kind = excluded.kind, app_display_name = excluded.app_display_name,
      device_display_name = excluded.device_display_name, profile_tag = excluded.profile_tag, lang = excluded.lang, data = excluded.data,
      device_id = excluded.device_id, created_ts = excluded.created_ts, enabled = excluded.enabled
    returning stream_id as id`;
  const { userId, appId, pushkey } = pusher;
  return rows.map(({ id }) => ({ id, row: { userId, appId, pushkey, deleted: false } }));
}

/** Deletes pushers; those that are not there are passed over. Takes the stream's lock: call it last in a transaction. */
export async function deletePushers(tx: Db, lockKey: number, keys: readonly PusherKey[]): Promise<{ id: number; row: PusherChange }[]> {
  const rows = await tx<PusherKey & { id: number }>`
    with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8)),
    gone as (
      delete from pushers p using l, unnest(${keys.map((k) => k.userId)}::text[], ${keys.map((k) => k.appId)}::text[],
                                            ${keys.map((k) => k.pushkey)}::text[]) as k(user_id, app_id, pushkey)
      where p.user_id = k.user_id and p.app_id = k.app_id and p.pushkey = k.pushkey
      returning p.user_id, p.app_id, p.pushkey
    ), throttles as (
      delete from mail_throttles t using gone where t.user_id = gone.user_id and t.app_id = gone.app_id and t.pushkey = gone.pushkey
    )
    insert into deleted_pushers (stream_id, user_id, app_id, pushkey)
    select nextval('pushers_stream_seq'), user_id, app_id, pushkey from gone
    returning stream_id as id, user_id as "userId", app_id as "appId", pushkey`;
  return rows.sort((a, b) => a.id - b.id).map(({ id, ...key }) => ({ id, row: { ...key, deleted: true } }));
}

/** Catch-up of the stream pushers. */
export async function pusherChangesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: PusherChange }[]> {
  const rows = await db<PusherChange & { id: number }>`
    select stream_id as id, user_id as "userId", app_id as "appId", pushkey, false as deleted from pushers
    where stream_id > ${from} and stream_id <= ${to}
    union all
    select stream_id, user_id, app_id, pushkey, true from deleted_pushers where stream_id > ${from} and stream_id <= ${to}
    order by id`;
  return rows.map(({ id, ...row }) => ({ id, row }));
}

/** How far pushers got. Who had the duty before and comes late changes nothing. */
export async function saveProgress(
  db: Db,
  rows: readonly (PusherKey & Pick<Pusher, "lastStreamOrdering" | "lastSuccessTs" | "failingSinceTs">)[],
): Promise<void> {
  await db`
    update pushers p set last_stream_ordering = n.last_stream_ordering, failing_since_ts = n.failing_since_ts,
      last_success_ts = coalesce(n.last_success_ts, p.last_success_ts)
    from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.appId)}::text[], ${rows.map((r) => r.pushkey)}::text[],
                ${rows.map((r) => r.lastStreamOrdering)}::int8[], ${rows.map((r) => r.lastSuccessTs)}::int8[],
                ${rows.map((r) => r.failingSinceTs)}::int8[])
      as n(user_id, app_id, pushkey, last_stream_ordering, last_success_ts, failing_since_ts)
    where p.user_id = n.user_id and p.app_id = n.app_id and p.pushkey = n.pushkey
      and p.last_stream_ordering <= n.last_stream_ordering`;
}
