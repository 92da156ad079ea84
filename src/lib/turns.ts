import type { Clock } from "./clock";

/** Keeps turns of the event loop short, whoever works: large work is done in slices, and what waits meanwhile goes on in turn. */
export interface Turns {
  /** undefined while the present turn may go on; else a promise for the next one. Ask before each slice, which takes a millisecond or two. */
  breathe(): Promise<void> | undefined;
  /** `items.map(fn)` in slices. */
  map<T, U>(items: readonly T[], fn: (item: T) => U): Promise<U[]>;
  /** The same for work that waits: some items at once, since what waits for nothing new goes on in the same turn. */
  mapAsync<T, U>(items: readonly T[], fn: (item: T) => Promise<U>): Promise<U[]>;
}

/** So long a turn may take before work goes on in another one. */
const TURN_MS = 10;
/** Items of which each takes some ten microseconds. */
const SLICE = 25;
/** Items that wait, of which each takes some hundred microseconds. */
const GROUP = 8;

export function createTurns(clock: Pick<Clock, "monotonic">): Turns {
  /** When the present turn began, as far as somebody asked in it. */
  let began: number | undefined;
  const waiting: (() => void)[] = [];

  function begin(): number {
    setImmediate(() => (began = undefined));
    return (began = clock.monotonic());
  }

  function next(): void {
    begin();
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  }

  function breathe(): Promise<void> | undefined {
    if (waiting.length === 0 && clock.monotonic() - (began ?? begin()) < TURN_MS) return undefined;
    return new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next);
    });
  }

  return {
    breathe,
    async map(items, fn) {
      const out = [];
      for (const [i, item] of items.entries()) {
        const wait = i % SLICE === 0 ? breathe() : undefined;
        if (wait) await wait;
        out.push(fn(item));
      }
      return out;
    },
    async mapAsync(items, fn) {
      const out = [];
      for (let i = 0; i < items.length; i += GROUP) {
        const wait = breathe();
        if (wait) await wait;
        out.push(...(await Promise.all(items.slice(i, i + GROUP).map(fn))));
      }
      return out;
    },
  };
}
