import { LRUCache } from "lru-cache";

export interface CacheOptions<K extends string | number, V extends object> {
  /** The name under which metrics report it (synapse_util_caches_*). */
  readonly name: string;
  /** Bound in entries, or in bytes where sizeOf is given. */
  readonly max: number;
  readonly sizeOf?: (value: V) => number;
  /** Loads what is missing, many at once. Keys without a value stay out of the answer and are asked for again next time. */
  readonly load: (keys: readonly K[]) => Promise<Iterable<readonly [K, V]>>;
}

export interface CacheStats {
  readonly name: string;
  hits: number;
  misses: number;
  evictions: number;
  readonly size: () => number;
  readonly max: number;
}

export interface Cache<K extends string | number, V extends object> {
  readonly stats: CacheStats;
  /** What is here, without loading. */
  get(key: K): V | undefined;
  /** Loads what is missing; concurrent loads of one key share a promise. */
  loadMany(keys: readonly K[]): Promise<Map<K, V>>;
  load(key: K): Promise<V | undefined>;
  set(key: K, value: V): void;
  /** Forgets key; a load under way is not kept either, since it may have read the old value. */
  delete(key: K): void;
  clear(): void;
}

/** Makes a bounded cache. Only streams and writers empty it (architecture, section 7). */
export function createCache<K extends string | number, V extends object>(options: CacheOptions<K, V>): Cache<K, V> {
  const { sizeOf } = options;
  const stats: CacheStats = { name: options.name, hits: 0, misses: 0, evictions: 0, size: () => entries.size, max: options.max };
  const dispose = (_: V, __: K, reason: string): void => {
    if (reason === "evict") stats.evictions++;
  };
  const entries = sizeOf
    ? new LRUCache<K, V>({ maxSize: options.max, sizeCalculation: (value) => Math.max(1, sizeOf(value)), dispose })
    : new LRUCache<K, V>({ max: options.max, dispose });
  const loading = new Map<K, Promise<V | undefined>>();

  function startLoading(keys: readonly K[]): void {
    const batch = options.load(keys).then((found) => new Map(found));
    for (const key of keys) {
      const promise: Promise<V | undefined> = batch.then(
        (found) => {
          const value = found.get(key);
          if (loading.get(key) === promise) {
            loading.delete(key);
            if (value !== undefined) entries.set(key, value);
          }
          return value;
        },
        (error: unknown) => {
          if (loading.get(key) === promise) loading.delete(key);
          throw error;
        },
      );
      promise.catch(() => undefined);
      loading.set(key, promise);
    }
  }

  async function loadMany(keys: readonly K[]): Promise<Map<K, V>> {
    const out = new Map<K, V>();
    const waiting: K[] = [];
    const missing = new Set<K>();
    for (const key of keys) {
      const value = entries.get(key);
      if (value !== undefined) out.set(key, value);
      else {
        waiting.push(key);
        if (!loading.has(key)) missing.add(key);
      }
    }
    stats.hits += keys.length - waiting.length;
    stats.misses += waiting.length;
    if (waiting.length === 0) return out;
    if (missing.size > 0) startLoading([...missing]);
    await Promise.all(
      waiting.map(async (key) => {
        const value = await loading.get(key);
        if (value !== undefined) out.set(key, value);
      }),
    );
    return out;
  }

  return {
    stats,
    get(key) {
      const value = entries.get(key);
      if (value === undefined) stats.misses++;
      else stats.hits++;
      return value;
    },
    loadMany,
    async load(key) {
      return entries.get(key) ?? (await loadMany([key])).get(key);
    },
    set(key, value) {
      loading.delete(key);
      entries.set(key, value);
    },
    delete(key) {
      loading.delete(key);
      entries.delete(key);
    },
    clear() {
      loading.clear();
      entries.clear();
    },
  };
}
