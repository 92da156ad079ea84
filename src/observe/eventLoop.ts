import { performance } from "node:perf_hooks";
import type { Clock } from "../lib/clock";

export interface EventLoopMonitor {
  /** The worst delay within about the last ten seconds, in ms: for health and for shedding load. */
  worstDelay(): number;
  /** Monotonic ms at which the event loop last went on after it had stood still for so long that others may have taken over; -Infinity if never. */
  wokeAt(): number;
  stop(): void;
}

/** Coarse, and coarser still while there is little to do, since each sample wakes the process: an idle worker must cost next to nothing. */
const INTERVAL_MS = 100;
const IDLE_INTERVAL_MS = 1_000;
const WINDOW_MS = 5_000;
/** Half of the time for which a lease holds. */
const STANDSTILL_MS = 2_500;
/** The share of its time that an event loop is busy at most of which nobody can have waited long. */
const IDLE_UTILIZATION = 0.05;

/** Measures how late a timer fires, which is how long the event loop kept everybody waiting. `observe` gets each delay in ms. */
export function monitorEventLoop(clock: Clock, observe: (delayMs: number) => void): EventLoopMonitor {
  let due = 0;
  let woke = -Infinity;
  let windowEnd = clock.monotonic() + WINDOW_MS;
  let worst = 0;
  let worstBefore = 0;
  let used = performance.eventLoopUtilization();
  let timer: NodeJS.Timeout;
  const schedule = (ms: number): void => {
    due = clock.monotonic() + ms;
    timer = setTimeout(sample, ms).unref();
  };
  const delayAt = (now: number): number => {
    const delay = Math.max(0, now - due);
    if (delay > STANDSTILL_MS) woke = now;
    return delay;
  };
  const sample = (): void => {
    const now = clock.monotonic();
    const delay = delayAt(now);
    if (now >= windowEnd) {
      worstBefore = worst;
      worst = 0;
      windowEnd = now + WINDOW_MS;
    }
    worst = Math.max(worst, delay);
    const total = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(total, used);
    used = total;
    schedule(utilization < IDLE_UTILIZATION ? IDLE_INTERVAL_MS : INTERVAL_MS);
    // Last, since it may stop the monitor.
    observe(delay);
  };
  schedule(INTERVAL_MS);
  return {
    worstDelay: () => Math.max(worst, worstBefore),
    wokeAt() {
      // What lies in sockets is read before timers fire.
      delayAt(clock.monotonic());
      return woke;
    },
    stop: () => clearTimeout(timer),
  };
}
