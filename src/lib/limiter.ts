/** Thrown when as many callers wait as may wait. */
export class LimiterFull extends Error {}

/** Runs at most so many tasks at once; the others wait in order. */
export interface Limiter {
  /** Rejects with LimiterFull when too many wait already. */
  run<T>(task: () => Promise<T>): Promise<T>;
  readonly waiting: () => number;
}

export function createLimiter(maxRunning: number, maxWaiting: number): Limiter {
  const queue: (() => void)[] = [];
  let head = 0;
  let running = 0;

  function next(): void {
    const start = queue[head];
    if (!start) return;
    head++;
    if (head > 1024 && head * 2 > queue.length) {
      queue.splice(0, head);
      head = 0;
    }
    start();
  }

  return {
    waiting: () => queue.length - head,
    async run(task) {
      if (running >= maxRunning) {
        if (queue.length - head >= maxWaiting) throw new LimiterFull("too many tasks are waiting");
        await new Promise<void>((resolve) => queue.push(resolve));
      } else {
        running++;
      }
      try {
        return await task();
      } finally {
        // A waiting task takes this one's place, so that the count stays.
        if (queue.length > head) next();
        else running--;
      }
    },
  };
}
