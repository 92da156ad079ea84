import { Ending } from "../../lib/ending";
import type { EndSignal } from "../../lib/ending";

/** What is made for one request may serve others that are equal. */
export interface Made<T> {
  readonly value: T;
  /** Whether a client that asks again later gets the same: not where it said nothing. */
  readonly keep: boolean;
}

export interface ResponseCache {
  /**
   * Gives the answer to a request: that of an equal one that is being answered, or was lately, or else a new one. The work goes on as long
   * as anybody waits for it.
   */
  answer<T>(key: string, signal: EndSignal, work: (signal: EndSignal) => Promise<Made<T>>): Promise<T>;
}

interface Shared {
  readonly made: Promise<Made<unknown>>;
  readonly ending: Ending;
  waiting: number;
}

/** Answers that are kept at most: those to first syncs may be large. */
const MAX_KEPT = 100;

/**
 * Shares answers between equal requests (`caches.sync_response_cache_duration`): a client whose connection broke asks again, and its
 * first sync is not made twice. Of this process alone, as retries mostly come to the same one. keepMs 0: nothing is shared or kept.
 */
export function createResponseCache(keepMs: number, now: () => number): ResponseCache {
  const running = new Map<string, Shared>();
  /** The oldest first. */
  const kept = new Map<string, { readonly value: unknown; readonly until: number }>();
  let sweeper: NodeJS.Timeout | undefined;

  function begin<T>(key: string, work: (signal: EndSignal) => Promise<Made<T>>): Shared {
    const ending = new Ending();
    const made = work(ending);
    const shared: Shared = { made, ending, waiting: 0 };
    running.set(key, shared);
    const forget = (): void => void (running.get(key) === shared && running.delete(key));
    made.then((done) => {
      forget();
      if (done.keep && !ending.aborted) keep(key, done.value);
    }, forget);
    return shared;
  }

  function keep(key: string, value: unknown): void {
    kept.delete(key);
    kept.set(key, { value, until: now() + keepMs });
    const [oldest = key] = kept.keys();
    if (kept.size > MAX_KEPT) kept.delete(oldest);
    sweeper ??= setTimeout(sweep, keepMs).unref();
  }

  /** Lets go of what is too old, which may be large. */
  function sweep(): void {
    sweeper = undefined;
    for (const [key, { until }] of kept) {
      const left = until - now();
      if (left > 0) return void (sweeper = setTimeout(sweep, left).unref());
      kept.delete(key);
    }
  }

  return {
    async answer<T>(key: string, signal: EndSignal, work: (signal: EndSignal) => Promise<Made<T>>): Promise<T> {
      if (keepMs <= 0) return (await work(signal)).value;
      const known = kept.get(key);
      if (known && known.until > now()) return known.value as T;
      const shared = running.get(key) ?? begin(key, work);
      shared.waiting++;
      const leave = (): void => {
        shared.waiting--;
        if (shared.waiting > 0) return;
        // Whoever comes now begins anew.
        if (running.get(key) === shared) running.delete(key);
        shared.ending.abort();
      };
      signal.addEventListener("abort", leave);
      if (signal.aborted) leave();
      try {
        return (await shared.made).value as T;
      } finally {
        signal.removeEventListener("abort", leave);
      }
    },
  };
}
