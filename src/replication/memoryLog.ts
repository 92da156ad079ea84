import type { JsonValue } from "../lib/json";
import type { StreamRow } from "../storage/streamIds";
import type { AnyStream } from "../streams/defineStream";
import { decodeRows } from "./batch";
import type { CaughtUp } from "./follower";

/** What the writer of a memory-only stream remembers of it, for readers that missed messages. */
export interface MemoryLog {
  /** A value of its own for each life of the writer, so that positions of two lives are never compared. */
  readonly epoch: string;
  /** Gives the rows the next ids. */
  append(rows: readonly unknown[]): StreamRow<unknown>[];
  position(): number;
  since(epoch: string, from: number): CaughtUp;
}

const MAX_ROWS = 2_000;

/**
 * Ids start after `start`, which should be the time in ms: then they grow from life to life, and a client's token of an
 * earlier life is behind and not ahead. snapshot gives all that counts when a reader is too far behind.
 */
export function createMemoryLog(epoch: string, start: number, snapshot: () => readonly unknown[]): MemoryLog {
  let position = start;
  /** Readers from here on can be served out of `rows`. */
  let from = start;
  let rows: StreamRow<unknown>[] = [];
  return {
    epoch,
    position: () => position,
    append(added) {
      const out = added.map((row) => ({ id: ++position, row }));
      rows.push(...out);
      if (rows.length > MAX_ROWS) {
        rows = rows.slice(-MAX_ROWS / 2);
        from = (rows[0]?.id ?? position + 1) - 1;
      }
      return out;
    },
    since(theirEpoch, theirs) {
      if (theirEpoch === epoch && theirs >= from && theirs <= position) {
        return { epoch, upTo: position, rows: rows.filter((row) => row.id > theirs), reset: false };
      }
      return { epoch, upTo: position, rows: snapshot().map((row) => ({ id: position, row })), reset: true };
    },
  };
}

/** A question for what a memory-only stream had since `from`, and the answer as it travels. */
export interface UpdatesQuery {
  readonly stream: string;
  readonly epoch: string;
  readonly from: number;
}
export interface UpdatesAnswer {
  readonly epoch: string;
  readonly upTo: number;
  readonly reset: boolean;
  readonly rows: readonly JsonValue[];
}

export function encodeUpdates(stream: AnyStream, page: CaughtUp): UpdatesAnswer {
  return { ...page, rows: page.rows.map(({ id, row }) => [id, ...stream.row.encode(row)]) };
}

export function decodeUpdates(stream: AnyStream, answer: UpdatesAnswer): CaughtUp {
  return { ...answer, rows: decodeRows(stream, answer.rows) };
}
