import type { Streams } from "../replication/streams";
import { appendCacheChanges } from "../storage/cacheChanges";
import type { CacheChange } from "../storage/cacheChanges";
import type { Database, Db } from "../storage/db";
import { cachesStream } from "../streams/caches";

export interface CacheWriterApp {
  readonly db: Database;
  readonly streams: Pick<Streams, "publish">;
}

/**
 * Runs `change` in a transaction, records in the same one what is remembered of it here and there and tells everybody after the commit: every
 * process then forgets that. Any process may do this.
 */
export async function changeRemembered<T>(
  app: CacheWriterApp,
  change: (tx: Db) => Promise<{ readonly value: T; readonly remembered: readonly CacheChange[] }>,
): Promise<T> {
  const { value, rows } = await app.db.tx(async (tx) => {
    const done = await change(tx);
    return { value: done.value, rows: await appendCacheChanges(tx, cachesStream.lockKey, done.remembered) };
  });
  app.streams.publish(cachesStream, rows);
  return value;
}
