import { setImmediate as nextTurn } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { createLru } from "../lib/lru";

export interface CacheOptions<K extends string | number, V extends object> {
  /** The name under which metrics report it (synapse_util_caches_*). */
  readonly name: string;
  /** Bound in entries, or in what sizeOf measures: bytes, members. */
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
  /** To be told when a value that is kept has grown or shrunk. */
  resized(key: K): void;
  /** Forgets key; a load under way is not kept either, since it may have read the old value. */
  delete(key: K): void;
  /** Forgets what is here of many; no load under way is kept. Looks at everything: for rare events. */
  deleteWhere(matches: (value: V, key: K) => boolean): void;
  clear(): void;
}

/** Keys that are looked up, and loaded, in one turn of the event loop: what is read of more than that would keep everybody else waiting. */
const MAX_BATCH = 500;

/** Makes a bounded cache. Only streams and writers empty it (architecture, section 7). */
export function createCache<K extends string | number, V extends object>(options: CacheOptions<K, V>): Cache<K, V> {
  return new LoadingCache(options);
}

class LoadingCache<K extends string | number, V extends object> implements Cache<K, V> {
  readonly stats: CacheStats;
  private readonly entries: LRUCache<K, V>;
  private readonly loading = new Map<K, Promise<ReadonlyMap<K, V>>>();

  constructor(private readonly options: CacheOptions<K, V>) {
    const { name, max, sizeOf } = options;
    const dispose = (_: V, __: K, reason: string): void => {
      if (reason === "evict") this.stats.evictions++;
    };
    // What is larger than the whole bound is kept all the same: to load it again and again would be worse.
    const sizeCalculation = sizeOf && ((value: V): number => Math.ceil(Math.min(Math.max(1, sizeOf(value)), max / 2)));
    this.entries = sizeCalculation ? new LRUCache<K, V>({ maxSize: max, sizeCalculation, dispose }) : createLru(max, dispose);
    this.stats = { name, hits: 0, misses: 0, evictions: 0, size: () => this.entries.size, max };
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined) this.stats.misses++;
    else this.stats.hits++;
    return value;
  }

  // Mostly all is here. Each async function on the way would make promises of its own, of which a request makes hundreds.
  load(key: K): Promise<V | undefined> {
    const value = this.entries.get(key);
    if (value === undefined) return this.loadMany([key]).then((found) => found.get(key));
    this.stats.hits++;
    return Promise.resolve(value);
  }

  loadMany(keys: readonly K[]): Promise<Map<K, V>> {
    return keys.length <= MAX_BATCH ? this.loadBatch(keys) : this.loadBatches(keys);
  }

  private async loadBatches(keys: readonly K[]): Promise<Map<K, V>> {
    const out = new Map<K, V>();
    for (let i = 0; i < keys.length; i += MAX_BATCH) {
      if (i > 0) await nextTurn();
      for (const [key, value] of await this.loadBatch(keys.slice(i, i + MAX_BATCH))) out.set(key, value);
    }
    return out;
  }

  private loadBatch(keys: readonly K[]): Promise<Map<K, V>> {
    const out = new Map<K, V>();
    const waiting: K[] = [];
    for (const key of keys) {
      const value = this.entries.get(key);
      if (value !== undefined) out.set(key, value);
      else waiting.push(key);
    }
    this.stats.hits += keys.length - waiting.length;
    this.stats.misses += waiting.length;
    return waiting.length === 0 ? Promise.resolve(out) : this.loadMissing(waiting, out);
  }

  /** Adds to `out` what is being loaded or has to be. */
  private async loadMissing(waiting: readonly K[], out: Map<K, V>): Promise<Map<K, V>> {
    const missing = new Set(waiting.filter((key) => !this.loading.has(key)));
    if (missing.size > 0) this.startLoading([...missing]);
    const batches = waiting.map((key) => this.loading.get(key));
    const found = new Map<unknown, ReadonlyMap<K, V>>();
    for (const batch of new Set(batches)) if (batch) found.set(batch, await batch);
    waiting.forEach((key, i) => {
      const value = found.get(batches[i])?.get(key);
      if (value !== undefined) out.set(key, value);
    });
    return out;
  }

  set(key: K, value: V): void {
    this.loading.delete(key);
    this.entries.set(key, value);
  }

  resized(key: K): void {
    const value = this.entries.peek(key);
    if (value === undefined) return;
    this.entries.delete(key);
    this.entries.set(key, value);
  }

  delete(key: K): void {
    this.loading.delete(key);
    this.entries.delete(key);
  }

  deleteWhere(matches: (value: V, key: K) => boolean): void {
    this.loading.clear();
    for (const [key, value] of [...this.entries.entries()]) if (matches(value, key)) this.entries.delete(key);
  }

  clear(): void {
    this.loading.clear();
    this.entries.clear();
  }

  /** Keys of one load share its promise: one for each key would cost more than the key's value. */
  private startLoading(keys: readonly K[]): void {
    const batch = this.options.load(keys).then((found) => new Map(found));
    for (const key of keys) this.loading.set(key, batch);
    const arrived = (found: ReadonlyMap<K, V>): void => {
      for (const key of keys) {
        // What was dropped or set meanwhile is not put back.
        if (this.loading.get(key) !== batch) continue;
        this.loading.delete(key);
        const value = found.get(key);
        if (value !== undefined) this.entries.set(key, value);
      }
    };
    batch.then(arrived, () => arrived(new Map()));
  }
}
