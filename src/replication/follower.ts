import { runOutsideContext } from "../observe/context";
import type { StreamRow } from "../storage/streamIds";
import type { StreamBatch } from "./batch";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";

/** What reading behind the bus yields. */
export interface CaughtUp {
  readonly epoch: string;
  /** Where the reader stands once it has applied the rows. */
  readonly upTo: number;
  /** Ordered by id. */
  readonly rows: readonly StreamRow<unknown>[];
  /** The rows are all that still counts and not what was added: forget what was known of the stream. */
  readonly reset: boolean;
}

/** Rows to make known. */
export interface Application {
  readonly after: number;
  readonly reset: boolean;
  rows(): readonly StreamRow<unknown>[];
  /** Moves the position; to be called after caches and subscribers have the rows and before anybody is woken. */
  move(): void;
}

export interface FollowerOptions {
  readonly name: string;
  readonly log: ReplicationLog;
  readonly apply: (batch: Application) => void;
  /** Reads up to `to` or less from where the rows are kept. */
  readonly fetch: (epoch: string, from: number, to: number) => Promise<CaughtUp>;
  /** How long a missing batch may take before its rows are read from the database: it is often just behind. */
  readonly graceMs: () => number;
  readonly retryMs: number;
}

/** Batches kept while earlier ones are missing. Beyond these they are dropped and read from the database instead. */
const MAX_HELD = 500;
const MAX_HELD_SIZE = 4_000_000;

/**
 * Follows one stream: applies batches that connect to where it stands, and reads behind the bus what they leave out. Every
 * row is applied once, in order of ids.
 */
export class StreamFollower {
  private at = 0;
  private life = "";
  private held: StreamBatch[] = [];
  private heldSize = 0;
  /** The farthest position known of; of life `life` or of another one, then `foreign` is set. */
  private target = 0;
  private foreign = false;
  /** False until somebody said where to start; batches are only kept until then. */
  private ready = false;
  private reading = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: FollowerOptions) {}

  get position(): number {
    return this.at;
  }

  get epoch(): string {
    return this.life;
  }

  /** Rows that are known to exist and aren't applied yet. */
  get lag(): number {
    return Math.max(0, this.target - this.at);
  }

  /** Takes a position for granted, without applying anything. Called at the start and for a new life of our own. */
  startAt(position: number, epoch = ""): void {
    if (epoch !== this.life) {
      this.held = this.held.filter((batch) => batch.epoch === epoch);
      this.foreign = false;
      this.target = 0;
    }
    this.life = epoch;
    this.at = position;
    this.ready = true;
    this.target = Math.max(this.target, position);
    this.connect();
    if (this.behind()) this.readIn(this.options.graceMs());
  }

  receive(batch: StreamBatch): void {
    if (this.stopped) return;
    if (batch.epoch !== this.life) {
      this.foreign = true;
      this.hold(batch);
      return;
    }
    if (batch.after <= this.at) return;
    if (!this.ready || this.reading || batch.before > this.at) this.hold(batch);
    else {
      this.take(batch);
      this.connect();
    }
  }

  /** Makes sure that what is known to exist up to `position` gets applied, also if no message ever comes. */
  reach(position: number): void {
    if (this.stopped || position <= this.at) return;
    this.target = Math.max(this.target, position);
    if (this.ready) this.startReading();
  }

  /** Reads whatever there is; for streams in memory, of whose head nobody else knows. */
  refresh(): void {
    this.foreign = true;
    this.ready = true;
    if (!this.stopped) this.startReading();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.held = [];
  }

  private take(batch: StreamBatch): void {
    const from = this.at;
    const rows = (): readonly StreamRow<unknown>[] => batch.rows().filter((row) => row.id > from);
    this.target = Math.max(this.target, batch.after);
    this.options.apply({ rows, after: batch.after, reset: false, move: () => (this.at = batch.after) });
    this.at = batch.after;
  }

  private hold(batch: StreamBatch): void {
    this.target = Math.max(this.target, batch.after);
    this.held.push(batch);
    this.heldSize += batch.size;
    if (this.held.length > MAX_HELD || this.heldSize > MAX_HELD_SIZE) {
      this.held = [];
      this.heldSize = 0;
    }
    if (this.ready && !this.reading) this.readIn(this.options.graceMs());
  }

  /** Applies held batches that connect by now. */
  private connect(): void {
    if (this.held.length > 0) {
      const batches = this.held.sort((a, b) => a.before - b.before);
      this.held = [];
      for (const batch of batches) {
        if (batch.epoch === this.life && batch.after <= this.at) continue;
        if (batch.epoch === this.life && batch.before <= this.at) this.take(batch);
        else this.held.push(batch);
      }
      this.heldSize = this.held.reduce((sum, batch) => sum + batch.size, 0);
    }
    if (!this.behind()) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
  }

  private behind(): boolean {
    return this.foreign || this.at < this.target;
  }

  private readIn(ms: number): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.startReading();
    }, ms).unref();
  }

  private startReading(): void {
    // It may outlive the request that noticed the gap.
    if (!this.reading) runOutsideContext(() => void this.read());
  }

  private async read(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.reading = true;
    let failed = false;
    try {
      while (this.behind() && !this.stopped) await this.readPage();
    } catch (error) {
      failed = true;
      this.options.log.warn(`cannot catch up on ${this.options.name} from ${this.at}: ${messageOf(error)}`);
    }
    this.reading = false;
    if (failed && !this.stopped) this.readIn(this.options.retryMs);
  }

  private async readPage(): Promise<void> {
    const from = this.at;
    const asked = this.foreign;
    const olderThanAnswer = new Set(this.held);
    this.foreign = false;
    const page = await this.options.fetch(this.life, from, this.target).catch((error: unknown) => {
      this.foreign ||= asked;
      throw error;
    });
    if (this.stopped) return;
    if (page.reset) this.life = page.epoch;
    this.held = this.held.filter((batch) => batch.epoch === this.life || !olderThanAnswer.has(batch));
    if (page.reset || page.upTo > from) {
      this.options.apply({ rows: () => page.rows, after: page.upTo, reset: page.reset, move: () => (this.at = page.upTo) });
      this.at = page.upTo;
    }
    // After a reset, or where nothing more exists, older claims of how far the stream goes are void.
    if (page.reset || page.upTo <= from) this.target = Math.max(this.at, ...this.held.map((batch) => batch.after));
    this.connect();
    if (page.upTo <= from && !page.reset && this.held.length > 0) throw new Error("the rows announced are not there yet");
  }
}
