import type { Db } from "./db";

/** key: JSON text of what is handed out. */
export interface OneTimeKey {
  readonly algorithm: string;
  readonly keyId: string;
  readonly key: string;
}

export interface DeviceId {
  readonly userId: string;
  readonly deviceId: string;
}

export interface ClaimedKey extends DeviceId, OneTimeKey {}

/** How many keys of an algorithm are wanted of a device. */
export interface KeysWanted extends DeviceId {
  readonly algorithm: string;
  readonly count: number;
}

/** Stores one-time keys in order. Gives those of their ids that were there already. */
export async function insertOneTimeKeys(db: Db, { userId, deviceId }: DeviceId, keys: readonly OneTimeKey[]): Promise<OneTimeKey[]> {
  if (keys.length === 0) return [];
  const [algorithms, ids] = [keys.map((k) => k.algorithm), keys.map((k) => k.keyId)];
  const stored = await db<{ algorithm: string; keyId: string }>`
    insert into one_time_keys (user_id, device_id, algorithm, key_id, key)
    select ${userId}, ${deviceId}, algorithm, key_id, key
    from unnest(${algorithms}::text[], ${ids}::text[], ${keys.map((k) => k.key)}::text[]) with ordinality as k(algorithm, key_id, key, n)
    order by n
    on conflict do nothing returning algorithm, key_id as "keyId"`;
  if (stored.length === keys.length) return [];
  const fresh = new Set(stored.map(({ algorithm, keyId }) => `${algorithm}:${keyId}`));
  const known = keys.filter(({ algorithm, keyId }) => !fresh.has(`${algorithm}:${keyId}`));
  return db<OneTimeKey>`
    select algorithm, key_id as "keyId", key from one_time_keys
    where user_id = ${userId} and device_id = ${deviceId}
      and (algorithm, key_id) in (select * from unnest(${known.map((k) => k.algorithm)}::text[], ${known.map((k) => k.keyId)}::text[]))`;
}

/**
 * Takes keys out, the oldest first. A key that another transaction is about to take is passed over, so that each goes to one claimer
 * and nobody waits.
 */
export async function takeOneTimeKeys(db: Db, wanted: readonly KeysWanted[]): Promise<ClaimedKey[]> {
  return db<ClaimedKey>`
    with picked as materialized (
      select k.* from unnest(${wanted.map((w) => w.userId)}::text[], ${wanted.map((w) => w.deviceId)}::text[],
        ${wanted.map((w) => w.algorithm)}::text[], ${wanted.map((w) => w.count)}::int8[]) as w(user_id, device_id, algorithm, n)
      cross join lateral (
        select user_id, device_id, algorithm, key_id from one_time_keys o
        where o.user_id = w.user_id and o.device_id = w.device_id and o.algorithm = w.algorithm
        order by o.age limit w.n for update skip locked
      ) k
    ), taken as (
      delete from one_time_keys o using picked p
      where o.user_id = p.user_id and o.device_id = p.device_id and o.algorithm = p.algorithm and o.key_id = p.key_id
      returning o.*
    )
    select user_id as "userId", device_id as "deviceId", algorithm, key_id as "keyId", key from taken order by age`;
}

/** The fallback keys of devices and algorithms; they count as used from now on. `first`: it was not used before. */
export async function useFallbackKeys(
  db: Db,
  wanted: readonly Omit<KeysWanted, "count">[],
): Promise<(ClaimedKey & { readonly first: boolean })[]> {
  if (wanted.length === 0) return [];
  return db<ClaimedKey & { first: boolean }>`
    with found as materialized (
      select f.* from fallback_keys f
      join unnest(${wanted.map((w) => w.userId)}::text[], ${wanted.map((w) => w.deviceId)}::text[],
        ${wanted.map((w) => w.algorithm)}::text[]) as w(user_id, device_id, algorithm) using (user_id, device_id, algorithm)
      order by user_id, device_id, algorithm
    ), marked as (
      update fallback_keys f set used = true from found
      where f.user_id = found.user_id and f.device_id = found.device_id and f.algorithm = found.algorithm
        and f.key_id = found.key_id and not found.used
    )
    select user_id as "userId", device_id as "deviceId", algorithm, key_id as "keyId", key, not used as first from found`;
}

/** One for each algorithm; a new one takes the place of the old one and is unused. The same again stays what it was. */
export async function putFallbackKeys(db: Db, { userId, deviceId }: DeviceId, keys: readonly OneTimeKey[]): Promise<void> {
  if (keys.length === 0) return;
  await db`
    insert into fallback_keys as f (user_id, device_id, algorithm, key_id, key)
    select ${userId}, ${deviceId}, * from unnest(${keys.map((k) => k.algorithm)}::text[], ${keys.map((k) => k.keyId)}::text[],
      ${keys.map((k) => k.key)}::text[])
    on conflict (user_id, device_id, algorithm) do update set key_id = excluded.key_id, key = excluded.key, used = false
    where f.key_id <> excluded.key_id or f.key <> excluded.key`;
}

/** What is at hand of each algorithm; counts of 0 are left out. */
export interface KeyCountsRow extends DeviceId {
  readonly algorithm: string;
  readonly count: number;
  readonly unusedFallback: boolean;
}

export async function countKeys(db: Db, devices: readonly DeviceId[]): Promise<KeyCountsRow[]> {
  return db<KeyCountsRow>`
    with wanted as (
      select * from unnest(${devices.map((d) => d.userId)}::text[], ${devices.map((d) => d.deviceId)}::text[]) as w(user_id, device_id)
    )
    select user_id as "userId", device_id as "deviceId", algorithm, sum(count)::int8 as count, bool_or(unused) as "unusedFallback" from (
      select user_id, device_id, algorithm, count(*) as count, false as unused
      from one_time_keys join wanted using (user_id, device_id) group by 1, 2, 3
      union all
      select user_id, device_id, algorithm, 0, true from fallback_keys join wanted using (user_id, device_id) where not used
    ) as at_hand group by 1, 2, 3 order by 1, 2, 3`;
}
