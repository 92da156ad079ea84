/** Runs tasks of one key one after another, those of different keys side by side. A key without tasks takes no memory. */
export interface KeyedQueue {
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
  readonly keys: () => number;
}

export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  return {
    keys: () => tails.size,
    run(key, task) {
      const before = tails.get(key);
      const result = before ? before.then(task, task) : task();
      tails.set(key, result);
      const forget = (): void => void (tails.get(key) === result && tails.delete(key));
      result.then(forget, forget);
      return result;
    },
  };
}
