import type { Db } from "./db";
import { asStreamRows } from "./streamIds";

/** What is remembered under a key is out of date. `cache` is the name of the cache. */
export interface CacheChange {
  readonly cache: string;
  readonly key: string;
}

/** Takes ids under the lock of the stream and stores the changes. Call it last in a transaction. */
export async function appendCacheChanges(
  tx: Db,
  lockKey: number,
  changes: readonly CacheChange[],
): Promise<{ id: number; row: CacheChange }[]> {
  if (changes.length === 0) return [];
  return asStreamRows(
    await tx<CacheChange & { id: number }>`
      with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
      insert into cache_changes (stream_id, cache, key)
      select nextval('caches_stream_seq'), c.* from l
      cross join unnest(${changes.map((c) => c.cache)}::text[], ${changes.map((c) => c.key)}::text[]) as c (cache, key)
      returning stream_id as id, cache, key`,
  );
}

/** Old changes serve nobody: a process that was away for longer starts with empty caches. */
export async function deleteOldCacheChanges(db: Db, keep: number): Promise<void> {
  await db`delete from cache_changes where stream_id <= (select max(stream_id) from cache_changes) - ${keep}`;
}

/** Catch-up of the stream caches. */
export async function cacheChangesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: CacheChange }[]> {
  return asStreamRows(
    await db<CacheChange & { id: number }>`
      select stream_id as id, cache, key from cache_changes where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
  );
}
