import { createLru } from "../../lib/lru";

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
  answer<T>(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Made<T>>): Promise<T>;
}

interface Shared {
  readonly made: Promise<Made<unknown>>;
  readonly ending: AbortController;
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
  const kept = createLru<string, { readonly value: unknown; readonly until: number }>(MAX_KEPT);

  function begin<T>(key: string, work: (signal: AbortSignal) => Promise<Made<T>>): Shared {
    const ending = new AbortController();
    const made = work(ending.signal);
    const shared: Shared = { made, ending, waiting: 0 };
    running.set(key, shared);
    const forget = (): void => void (running.get(key) === shared && running.delete(key));
    made.then((done) => {
      forget();
      if (done.keep && !ending.signal.aborted) keep(key, done.value);
    }, forget);
    return shared;
  }

  function keep(key: string, value: unknown): void {
    const entry = { value, until: now() + keepMs };
    kept.set(key, entry);
    setTimeout(() => void (kept.get(key) === entry && kept.delete(key)), keepMs).unref();
  }

  return {
    async answer<T>(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Made<T>>): Promise<T> {
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
      signal.addEventListener("abort", leave, { once: true });
      if (signal.aborted) leave();
      try {
        return (await shared.made).value as T;
      } finally {
        signal.removeEventListener("abort", leave);
      }
    },
  };
}
