import type { CacheStats } from "../caches/cache";
import type { Metrics } from "../observe/metrics";

/**
 * Reports every cache of a process: a cache, or what is made of some, has its `stats`, and is a collaborator of the process or a part
 * of one. So a new cache needs no registration there; services report their own.
 */
export function watchCaches(metrics: Pick<Metrics, "watchCache">, app: object): void {
  for (const collaborator of Object.values(app)) {
    for (const part of [collaborator, ...partsOf(collaborator)]) for (const stats of statsOf(part)) metrics.watchCache(stats);
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
const partsOf = (value: unknown): unknown[] => (isObject(value) ? Object.values(value) : []);

function statsOf(part: unknown): CacheStats[] {
  if (!isObject(part) || !("stats" in part)) return [];
  return (Array.isArray(part.stats) ? part.stats : [part.stats]).filter(isCacheStats);
}

function isCacheStats(value: unknown): value is CacheStats {
  return isObject(value) && "name" in value && "hits" in value && "evictions" in value && "size" in value;
}
