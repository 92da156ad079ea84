import type { Db } from "../storage/db";
import { reserveIdBlock } from "../storage/state";
import type { IdSequence } from "../storage/state";

/** Gives ids out of reserved blocks, so that a writer knows the ids of what it builds before anything is stored. */
export interface IdBlock {
  /** Makes sure that the next `count` calls of take succeed. */
  ensure(count: number): Promise<void>;
  take(): number;
}

export function createIdBlock(db: Db, sequence: IdSequence): IdBlock {
  let ranges: { next: number; end: number }[] = [];
  let available = 0;
  let filling: Promise<void> = Promise.resolve();

  async function fill(count: number): Promise<void> {
    while (available < count) {
      const { first, size } = await reserveIdBlock(db, sequence);
      ranges.push({ next: first, end: first + size });
      available += size;
    }
  }

  return {
    ensure(count) {
      if (available >= count) return Promise.resolve();
      filling = filling.catch(() => undefined).then(() => fill(count));
      return filling;
    },
    take() {
      const range = ranges[0];
      if (!range) throw new Error(`no ids reserved from ${sequence}`);
      const id = range.next++;
      available--;
      if (range.next === range.end) ranges = ranges.slice(1);
      return id;
    },
  };
}
