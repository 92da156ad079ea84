import type { Clock } from "../lib/clock";
import { isJsonObject, parseJson } from "../lib/json";
import type { JsonObject } from "../lib/json";
import { waitAtMost } from "../lib/waitAtMost";
import type { Metrics } from "../observe/metrics";
import type { SharedStore } from "./bus";

/**
 * What one process found out at some expense and the others would have to find out again: Synapse's external cache. It empties by time alone,
 * so that it is no place for anything that is written here, and it may lose anything at any time.
 */
export interface SharedCache {
  /** Undefined where nothing is known, or nothing is heard for a while. Never rejects. */
  get(key: string): Promise<JsonObject | undefined>;
  /** Keeps a value for so many ms. Never throws. */
  set(key: string, value: JsonObject, ms: number): void;
}

export interface SharedCaches {
  /** The one of this name. */
  named(name: string): SharedCache;
}

export interface SharedCachesOptions {
  /** Absent in a process that is alone. */
  readonly store: SharedStore | undefined;
  /** Of all keys: several homeservers may use one Redis. */
  readonly keyPrefix: string;
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: Metrics;
}

/** Whoever asks would otherwise do the work itself, which is soon better than to wait. */
const PATIENCE_MS = 500;

/** Makes caches that keep nothing where there is no store. */
export function createSharedCaches({ store, keyPrefix, clock, metrics }: SharedCachesOptions): SharedCaches {
  if (!store) return { named: () => ({ get: () => Promise.resolve(undefined), set: () => undefined }) };
  const sets = metrics.counter({ name: "synapse_external_cache_set_total", help: "Values put into shared caches", labels: ["cache_name"] });
  const labels = ["cache_name", "hit"];
  const gets = metrics.counter({ name: "synapse_external_cache_get_total", help: "Values asked of shared caches", labels });
  const help = "Seconds until a shared cache answered";
  const times = metrics.histogram({ name: "synapse_external_cache_response_time_seconds", help, labels: ["method"] }).cell("get");
  const read = async (key: string): Promise<JsonObject | undefined> => {
    const asked = clock.monotonic();
    let text: string | undefined;
    const answer = store.get(key).then((found) => (text = found));
    try {
      await waitAtMost(answer, PATIENCE_MS);
      const value = text === undefined ? undefined : parseJson(text);
      return isJsonObject(value) ? value : undefined;
    } catch {
      return undefined;
    } finally {
      times.observe((clock.monotonic() - asked) / 1_000);
    }
  };
  return {
    named(name) {
      const full = (key: string): string => `${keyPrefix}${name}:${key}`;
      return {
        async get(key) {
          const value = await read(full(key));
          gets.cell(name, value ? "True" : "False").value++;
          return value;
        },
        set(key, value, ms) {
          sets.cell(name).value++;
          store.set(full(key), JSON.stringify(value), Math.ceil(ms));
        },
      };
    },
  };
}
