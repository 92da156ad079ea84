export interface Pause {
  /** Resolves after ms, or without ms never, and in any case at the next `end`. */
  wait(ms?: number): Promise<void>;
  end(): void;
  /** There are no rests any more. */
  close(): void;
}

/** A rest of one loop that others can cut short. */
export function createPause(): Pause {
  let wake: (() => void) | undefined;
  let isClosed = false;
  return {
    wait: (ms) => {
      if (isClosed) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(() => wake?.(), ms);
        wake = () => {
          clearTimeout(timer);
          wake = undefined;
          resolve();
        };
      });
    },
    end: () => wake?.(),
    close() {
      isClosed = true;
      wake?.();
    },
  };
}
