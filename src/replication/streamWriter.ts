import { limitExceeded } from "../errors";
import { runOutsideContext } from "../observe/context";
import type { Database, Db } from "../storage/db";
import { LeaseLostError } from "../storage/databaseError";
import type { Fence } from "../storage/leases";
import type { StreamLock, StreamRow } from "../storage/streamIds";
import type { StreamDef } from "../streams/defineStream";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";
import type { Streams } from "./streams";

export interface StreamWriterOptions<Item, Row> {
  readonly stream: StreamDef<Row>;
  readonly db: Database;
  readonly streams: Pick<Streams, "publish" | "position">;
  readonly log: ReplicationLog;
  /**
   * Stores the items in one transaction and gives the rows that the stream carries for them, ordered by id. It takes the ids
   * (storage/streamIds, or the one-statement form) as late as can be, under the lock. Nothing to say gives no rows.
   */
  readonly insert: (tx: Db, items: readonly Item[], lock: StreamLock) => Promise<readonly StreamRow<Row>[]>;
  /**
   * Where the stream has an owner: what this process has to stand for when an item is written, as it did when the item came. Of what waited
   * while its leases ended nothing is written (LeaseLostError): somebody else may have written it since, and what came after it.
   */
  readonly fence?: () => Fence | undefined;
  /** Items of one transaction, default 500. */
  readonly maxBatch?: number;
  /** Items waiting; beyond that submit refuses with M_LIMIT_EXCEEDED. Default 10000. */
  readonly maxQueue?: number;
}

export interface StreamWriter<Item> {
  /** Resolves, once the item is committed, to a position that includes it. waitFor that position to read it back. */
  submit(item: Item): Promise<number>;
  /** Resolves when nothing is waiting or being written. */
  drain(): Promise<void>;
}

interface Pending<Item> {
  readonly item: Item;
  readonly fence: Fence | undefined;
  readonly resolve: (position: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The commit may have happened or not, so the items must not be tried again. */
class OutcomeUnknown extends Error {}

const reasonOf = (error: unknown): unknown => (error instanceof OutcomeUnknown ? error.cause : error);

/**
 * Groups commits: an idle writer flushes at once, and what is submitted while a flush is under way goes into the next one,
 * one transaction each. When a flush fails its items are tried once more one by one, so that a bad one fails alone.
 */
class GroupWriter<Item, Row> implements StreamWriter<Item> {
  private queue: Pending<Item>[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly options: StreamWriterOptions<Item, Row>) {}

  submit(item: Item): Promise<number> {
    if (this.queue.length >= (this.options.maxQueue ?? 10_000)) return Promise.reject(limitExceeded(1_000));
    return new Promise((resolve, reject) => {
      this.queue.push({ item, fence: this.options.fence?.(), resolve, reject });
      // It works for many, so it belongs to no request.
      this.running ??= runOutsideContext(() => this.run());
    });
  }

  async drain(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // Whoever submits in the same turn comes along.
    await Promise.resolve();
    while (this.queue.length > 0) await this.flush(this.queue.splice(0, this.batchLength()));
    this.running = undefined;
  }

  /** What came in one life of the process goes together. */
  private batchLength(): number {
    const life = this.queue[0]?.fence?.epoch;
    const next = this.queue.findIndex(({ fence }) => fence?.epoch !== life);
    return Math.min(next < 0 ? this.queue.length : next, this.options.maxBatch ?? 500);
  }

  private async flush(batch: readonly Pending<Item>[]): Promise<void> {
    try {
      await this.write(batch);
    } catch (error) {
      const again = batch.length > 1 && !(error instanceof OutcomeUnknown || error instanceof LeaseLostError);
      this.options.log.warn(`${batch.length} items of ${this.options.stream.name} could not be written: ${messageOf(error)}`);
      if (!again) for (const { reject } of batch) reject(reasonOf(error));
      else for (const pending of batch) await this.write([pending]).catch((cause: unknown) => pending.reject(reasonOf(cause)));
    }
  }

  private async write(batch: readonly Pending<Item>[]): Promise<void> {
    const { db, stream, streams, insert } = this.options;
    const items = batch.map(({ item }) => item);
    const lock: StreamLock = { lockKey: stream.lockKey, fence: batch[0]?.fence };
    let stored = false;
    try {
      const rows = await db.tx(async (tx) => {
        const written = await insert(tx, items, lock);
        stored = true;
        return written;
      });
      streams.publish(stream, rows);
      const position = rows.at(-1)?.id ?? streams.position(stream);
      for (const { resolve } of batch) resolve(position);
    } catch (cause) {
      throw stored ? new OutcomeUnknown(messageOf(cause), { cause }) : cause;
    }
  }
}

export function createStreamWriter<Item, Row>(options: StreamWriterOptions<Item, Row>): StreamWriter<Item> {
  return new GroupWriter(options);
}
