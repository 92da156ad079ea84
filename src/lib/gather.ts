/** See createGather. */
export type Gather<T, R> = (item: T) => Promise<R>;

/**
 * Serves items one by one while they come slowly. Those that come while others are being served wait, and are served together then, at most
 * so many: no timer holds anything up. `serve` answers in the order of the items. What fails together is tried again one by one, so that
 * nobody fails for what others brought.
 */
export function createGather<T, R>(serve: (items: readonly T[]) => Promise<readonly R[]>, most: number): Gather<T, R> {
  interface Waiting {
    readonly item: T;
    readonly resolve: (result: R) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let isBusy = false;

  async function serveAll(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await serve(group.map(({ item }) => item));
      group.forEach(({ resolve }, i) => resolve(results[i] as R));
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      else for (const one of group) await serveAll([one]);
    }
  }

  async function work(): Promise<void> {
    isBusy = true;
    while (waiting.length > 0) {
      const group = waiting.slice(0, most);
      waiting = waiting.slice(most);
      await serveAll(group);
    }
    isBusy = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isBusy) void work();
    });
}
