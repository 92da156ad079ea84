import type { App } from "../handlers/app";
import type { StreamRow } from "../storage/streamIds";
import { PositionWaiters } from "../replication/positionWaiters";
import { getConsumerPosition, saveConsumerPosition } from "../storage/streamConsumers";
import type { StreamDef } from "../streams/defineStream";
import { createPause } from "./pause";

export type ConsumerApp = Pick<App, "db" | "streams" | "ownership" | "background">;

export interface ConsumerOptions<Row> {
  /** Names the consumer's position in the database. */
  readonly name: string;
  /** The duty whose holder does the work. */
  readonly duty: string;
  readonly stream: StreamDef<Row>;
  readonly concerns: (row: Row) => boolean;
  /** Works on rows in order. It may get rows again that it had before a crash, and must end with the same result. */
  readonly handle: (rows: readonly StreamRow<Row>[]) => Promise<void>;
  /**
   * Runs before the first row ever is handled and does the work of all the past. Fails when the signal says so, and is begun anew.
   * Absent: the stream is read from its beginning.
   */
  readonly begin?: (signal: AbortSignal) => Promise<void>;
  /**
   * The id of the first row on which work goes on though `handle` has given it back; undefined: there is none. The stored position stays
   * before it, so whoever begins after a crash gets it once more, and all that follows it.
   */
  readonly unfinished?: () => number | undefined;
  /** How long to rest after rows were handled, in ms, so that those that come meanwhile are handled together; absent: not at all. */
  readonly restMs?: number;
}

export interface RunningConsumer {
  /** Ends a rest. Resolves to whether all that is known of the stream here was handled within timeoutMs. */
  reach(timeoutMs: number): Promise<boolean>;
  stop(): Promise<void>;
}

/** Rows held for a consumer that is behind; older ones it reads from the database. */
const MAX_HEARD = 5_000;
/** Ids that are read from the database at once. */
const PAGE_IDS = 500;
/** Without a row of concern, the position is stored after this many others. */
const SAVE_EVERY = 10_000;
const RETRY_MS = 5_000;

/**
 * Follows a stream for a duty, from a position in the database: whoever has the duty goes on where the last one stopped. Costs nothing on
 * the path of whoever writes, and a little memory where nothing concerns it.
 */
export function startConsumer<Row>(app: ConsumerApp, options: ConsumerOptions<Row>): RunningConsumer {
  return new Consumer(app, options);
}

class Consumer<Row> implements RunningConsumer {
  /** Rows of concern with from < position <= upTo, in order. */
  private heard: { from: number; upTo: number; rows: StreamRow<Row>[] };
  /** Everything up to it is handled; undefined: the database has to be asked. */
  private at: number | undefined;
  private saved = 0;
  private running: Promise<void> | undefined;
  private readonly stopping = new AbortController();
  private readonly rest = createPause();
  private readonly waiters = new PositionWaiters();
  private readonly stops: (() => void)[] = [];

  constructor(
    private readonly app: ConsumerApp,
    private readonly options: ConsumerOptions<Row>,
  ) {
    const { streams, ownership } = app;
    const start = streams.position(options.stream);
    this.heard = { from: start, upTo: start, rows: [] };
    const retry = setInterval(() => this.wake(), RETRY_MS).unref();
    this.stops.push(
      streams.subscribe(options.stream, (rows, position) => this.hear(rows, position)),
      ownership.onChange(() => this.wake()),
      () => clearInterval(retry),
    );
    this.wake();
  }

  async reach(timeoutMs: number): Promise<boolean> {
    const { upTo } = this.heard;
    if (!this.isMine() || (this.at !== undefined && this.at >= upTo)) return true;
    this.rest.end();
    return this.waiters.wait(upTo, timeoutMs);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.rest.close();
    this.waiters.close();
    for (const stop of this.stops) stop();
    await this.running;
  }

  private isMine(): boolean {
    return this.app.ownership.isMine(this.options.duty);
  }

  private hear(rows: readonly StreamRow<Row>[], position: number): void {
    const { heard } = this;
    const wanted = this.isMine() ? rows.filter(({ row }) => this.options.concerns(row)) : undefined;
    if (!wanted || heard.rows.length + wanted.length > MAX_HEARD) {
      this.heard = { from: position, upTo: position, rows: [] };
    } else {
      heard.rows.push(...wanted);
      heard.upTo = position;
      const isIdle = heard.rows.length === 0 && !this.running && this.at === heard.from;
      if (isIdle && position - this.saved < SAVE_EVERY) {
        this.at = heard.from = position;
        return;
      }
    }
    this.wake();
  }

  private wake(): void {
    if (this.running || this.stopping.signal.aborted) return;
    if (!this.isMine()) {
      this.at = undefined;
      return;
    }
    if (this.at !== undefined && this.at >= this.heard.upTo) return;
    this.running = new Promise((resolve) => {
      this.app.background(this.options.name, async () => {
        let outcome: "done" | "failed" = "failed";
        try {
          await this.run();
          outcome = "done";
        } finally {
          this.running = undefined;
          resolve();
          // What came while it ended. After a failure there is a pause.
          if (outcome === "done") this.wake();
        }
      });
    });
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const { restMs = 0 } = this.options;
    try {
      this.at ??= await this.resume();
      while (!signal.aborted && this.at < this.heard.upTo && this.isMine()) {
        const { rows, upTo } = await this.next(this.at);
        if (rows.length > 0) await this.options.handle(rows);
        if (rows.length > 0 || upTo - this.saved >= SAVE_EVERY) await this.save(upTo);
        this.at = upTo;
        this.waiters.moved(upTo);
        if (rows.length > 0 && restMs > 0 && !this.waiters.any()) await this.rest.wait(restMs);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Where the last one stopped; the very first one works on the past, and begins where the stream stood before that. */
  private async resume(): Promise<number> {
    const { name, stream, begin } = this.options;
    const known = await getConsumerPosition(this.app.db, name, stream.name);
    if (known !== undefined) return (this.saved = known);
    if (!begin) return 0;
    const start = this.heard.upTo;
    await begin(this.stopping.signal);
    await this.save(start);
    return start;
  }

  private async save(reached: number): Promise<void> {
    const unfinished = this.options.unfinished?.();
    const position = unfinished === undefined ? reached : Math.max(this.saved, Math.min(reached, unfinished - 1));
    await saveConsumerPosition(this.app.db, this.options.name, this.options.stream.name, position);
    this.saved = position;
  }

  private async next(at: number): Promise<{ rows: readonly StreamRow<Row>[]; upTo: number }> {
    const { heard } = this;
    if (heard.from <= at) {
      const { upTo } = heard;
      const rows = heard.rows.filter(({ id }) => id > at);
      this.heard = { from: upTo, upTo, rows: [] };
      return { rows, upTo };
    }
    const { stream, concerns } = this.options;
    const upTo = Math.min(at + PAGE_IDS, heard.from);
    const rows = (await stream.catchUp?.(this.app.db, at, upTo)) ?? [];
    return { rows: rows.filter(({ row }) => concerns(row)), upTo };
  }
}
