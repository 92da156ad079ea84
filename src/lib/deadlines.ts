/** When to look at each key again. Costs the same however many keys wait. */
export interface Deadlines {
  /** Replaces the deadline of key; undefined takes it away. at is in ms. */
  set(key: string, at: number | undefined): void;
  /** The keys whose deadline has passed, which are forgotten with this. */
  due(now: number): string[];
  readonly size: number;
}

/** granularityMs: a key may come up so much later than its deadline, never earlier. */
export function createDeadlines(granularityMs: number): Deadlines {
  const slotOf = new Map<string, number>();
  const slots = new Map<number, Set<string>>();
  /** All slots up to this one have been emptied. */
  let done = -1;

  function remove(key: string): void {
    const slot = slotOf.get(key);
    if (slot === undefined) return;
    slotOf.delete(key);
    const keys = slots.get(slot);
    keys?.delete(key);
    if (keys?.size === 0) slots.delete(slot);
  }

  return {
    get size() {
      return slotOf.size;
    },
    set(key, at) {
      remove(key);
      if (at === undefined) return;
      const slot = Math.max(Math.ceil(at / granularityMs), done + 1);
      slotOf.set(key, slot);
      const keys = slots.get(slot);
      if (keys) keys.add(key);
      else slots.set(slot, new Set([key]));
    },
    due(now) {
      const current = Math.floor(now / granularityMs);
      const passed = current - done > slots.size ? [...slots.keys()].filter((slot) => slot <= current) : range(done + 1, current);
      const out: string[] = [];
      for (const slot of passed.sort((a, b) => a - b)) out.push(...(slots.get(slot) ?? []));
      for (const key of out) remove(key);
      done = Math.max(done, current);
      return out;
    },
  };
}

const range = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
