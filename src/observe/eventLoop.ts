import type { Clock } from "../lib/clock";

export interface EventLoopMonitor {
  /** The worst delay within about the last ten seconds, in ms: for health and for shedding load. */
  worstDelay(): number;
  stop(): void;
}

/** Coarse, since each sample wakes the process: an idle worker must cost next to nothing. */
const INTERVAL_MS = 100;
const WINDOW_SAMPLES = 50;

/** Measures how late a timer fires, which is how long the event loop kept everybody waiting. `observe` gets each delay in ms. */
export function monitorEventLoop(clock: Clock, observe: (delayMs: number) => void): EventLoopMonitor {
  let last = clock.monotonic();
  let samples = 0;
  let worst = 0;
  let worstBefore = 0;
  const timer = setInterval(() => {
    const now = clock.monotonic();
    const delay = Math.max(0, now - last - INTERVAL_MS);
    last = now;
    if (++samples % WINDOW_SAMPLES === 0) {
      worstBefore = worst;
      worst = 0;
    }
    worst = Math.max(worst, delay);
    observe(delay);
  }, INTERVAL_MS);
  timer.unref();
  return { worstDelay: () => Math.max(worst, worstBefore), stop: () => clearInterval(timer) };
}
