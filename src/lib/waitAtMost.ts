import { setTimeout as sleep } from "node:timers/promises";

/** Waits until the work is done, and for no longer than so many ms; it goes on then. Rejects where the work did so meanwhile. Keeps no process alive. */
export async function waitAtMost(work: Promise<unknown>, ms: number): Promise<void> {
  const done = new AbortController();
  const late = sleep(ms, undefined, { ref: false, signal: done.signal }).catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}
