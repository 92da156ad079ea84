import type { EndSignal } from "../lib/ending";

interface PositionWaiter {
  readonly position: number;
  readonly settle: (reached: boolean) => void;
}

/** Those who wait for one stream to reach some position. */
export class PositionWaiters {
  private readonly waiting = new Set<PositionWaiter>();

  /** Resolves to whether the position was reached within timeoutMs. */
  wait(position: number, timeoutMs: number, signal?: EndSignal): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = (): void => waiter.settle(false);
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener("abort", giveUp);
      const waiter: PositionWaiter = {
        position,
        settle: (reached) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", giveUp);
          this.waiting.delete(waiter);
          resolve(reached);
        },
      };
      this.waiting.add(waiter);
    });
  }

  moved(position: number): void {
    for (const waiter of this.waiting) if (waiter.position <= position) waiter.settle(true);
  }

  /** Whether anybody waits. */
  any(): boolean {
    return this.waiting.size > 0;
  }

  close(): void {
    for (const waiter of this.waiting) waiter.settle(false);
  }
}
