import type { Db } from "../storage/db";
import { reserveIdBlock } from "../storage/state";
import type { IdSequence } from "../storage/state";

/** Gives ids out of reserved blocks, so that a writer knows the ids of what it builds before anything is stored. */
export interface IdBlock {
  /** `count` ids that nobody else gets. Answers without a promise while the block lasts. */
  take(count: number): number[] | Promise<number[]>;
  /** As take, for who does without where there are not enough at hand. */
  takeReady(count: number): number[] | undefined;
}

export function createIdBlock(db: Db, sequence: IdSequence): IdBlock {
  let available: number[] = [];
  let at = 0;
  let filling: Promise<void> | undefined;

  async function fill(): Promise<void> {
    const { first, size } = await reserveIdBlock(db, sequence);
    available = [...available.slice(at), ...Array.from({ length: size }, (_, i) => first + i)];
    at = 0;
  }

  async function later(count: number): Promise<number[]> {
    while (available.length - at < count) {
      filling ??= fill().finally(() => (filling = undefined));
      await filling;
    }
    return now(count);
  }

  function now(count: number): number[] {
    at += count;
    return available.slice(at - count, at);
  }

  const takeReady = (count: number): number[] | undefined => (available.length - at >= count ? now(count) : undefined);
  return { takeReady, take: (count) => takeReady(count) ?? later(count) };
}
