import type { Clock } from "../lib/clock";
import type { EndSignal } from "../lib/ending";
import type { Random } from "../lib/random";
import { runOutsideContext } from "../observe/context";
import type { Database } from "../storage/db";
import { streamHead } from "../storage/streamIds";
import type { StreamRow } from "../storage/streamIds";
import type { AnyStream, StreamDef } from "../streams/defineStream";
import { announcement, batchOf, decodeBatch, encodeBatch } from "./batch";
import type { StreamBatch } from "./batch";
import type { Bus } from "./bus";
import { StreamFollower, type Application, type CaughtUp } from "./follower";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";
import { createMemoryLog, encodeUpdates } from "./memoryLog";
import type { MemoryLog, UpdatesAnswer, UpdatesQuery } from "./memoryLog";
import type { ReplicationMetrics } from "./metrics";
import type { Notifier } from "./notifier";
import { PositionWaiters } from "./positionWaiters";

/** Stream positions by stream name. */
export type Positions = Readonly<Record<string, number>>;

export interface StreamNews {
  /** The rows are all that still counts; whatever is known of the stream from before is void. Memory-only streams alone. */
  readonly reset: boolean;
}
export type Subscriber<Row> = (rows: readonly StreamRow<Row>[], position: number, news: StreamNews) => void;

export interface StreamsOptions {
  readonly defs: readonly AnyStream[];
  readonly db: Database;
  readonly bus: Bus;
  readonly notifier: Notifier;
  /** Handed to `invalidates` of the streams. */
  readonly caches: unknown;
  readonly log: ReplicationLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly instance: string;
  readonly metrics?: Pick<ReplicationMetrics, "received" | "sent">;
  /** Goes before the stream's name in the name of its channel. */
  readonly channelPrefix: string;
  /** Asks the writer of a memory-only stream for what was missed. */
  readonly fetchMemory: (stream: AnyStream, query: UpdatesQuery) => Promise<CaughtUp>;
  /** In which life this process writes a memory-only stream now: the epoch of its lease; undefined where it does not write it. */
  readonly writes?: (stream: AnyStream) => number | undefined;
  /** The streams that this process has use for; absent, all. Of others it knows no position. */
  readonly follows?: ReadonlySet<string>;
  /** How often the database is asked while the bus is away, default 1000. */
  readonly pollMs?: number;
  /** How often writers repeat where they stand, default 5000. */
  readonly announceMs?: number;
  /** How long a missing batch may take to arrive before it is read from the database, default 30. */
  readonly graceMs?: number;
  /** How late messages of the bus are at most, in ms; absent, 0. */
  readonly lateness?: () => number;
  /** Called when somebody waits for a position that is not reached. What it gives is called when that is over. */
  readonly onWait?: () => (() => void) | undefined;
}

interface Followed {
  readonly def: AnyStream;
  readonly follower: StreamFollower;
  readonly subscribers: Set<Subscriber<unknown>>;
  readonly waiters: PositionWaiters;
  snapshot: () => readonly unknown[];
  memory: MemoryLog | undefined;
  /** The life of this process in which the log in memory was begun. */
  life: number | undefined;
  /** A position that is late, and about which the database has yet to be asked; 0 if none. */
  late: number;
  asking: boolean;
  /** How often this process has yet to say where it stands after it last wrote. */
  repeats: number;
  /** The last position that this process wrote, 0 if none. */
  written: number;
}

/** Rows read at once by a reader that catches up. Ids are dense, so this bounds the rows too. */
const PAGE_IDS = 2_000;
/** How often a position is repeated after the last write: an announcement may get lost like any message. */
const ANNOUNCEMENTS = 3;
const CLOCK_SKEW_MS = 60_000;
/** How late a position may be before the database is asked for it. */
const LATE_MS = 100;

/** What this process knows of the streams: where they stand, who wants their rows, and how to add to them. */
export class Streams {
  private readonly byName = new Map<string, Followed>();
  private readonly stops: (() => void)[] = [];

  constructor(private readonly options: StreamsOptions) {
    for (const def of options.defs) {
      if (options.follows && !options.follows.has(def.name)) continue;
      this.byName.set(def.name, this.follow(def));
    }
  }

  /** Listens first and then asks the database where the streams stand, so that nothing falls in between. */
  async start(): Promise<void> {
    const { bus, channelPrefix, pollMs = 1_000, announceMs = 5_000 } = this.options;
    for (const stream of this.byName.values()) {
      this.stops.push(bus.subscribe(channelPrefix + stream.def.name, (text) => this.hear(stream, text)));
    }
    this.stops.push(bus.onReconnect(() => this.resume()));
    await Promise.all(Array.from(this.byName.values(), (stream) => this.load(stream)));
    if (!bus.shared) return;
    const poll = setInterval(() => {
      if (!bus.connected()) this.poll();
    }, pollMs).unref();
    const announce = setInterval(() => this.announce("news"), announceMs).unref();
    this.stops.push(
      () => clearInterval(poll),
      () => clearInterval(announce),
    );
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
    for (const stream of this.byName.values()) {
      stream.follower.stop();
      stream.waiters.close();
    }
  }

  /** Where the stream stands here: everything up to it has been applied. 0 for streams that this process doesn't follow. */
  position(stream: { readonly name: string }): number {
    return this.byName.get(stream.name)?.follower.position ?? 0;
  }

  /** Of all streams that this process follows. */
  positions(): Positions {
    return Object.fromEntries(Array.from(this.byName, ([name, { follower }]) => [name, follower.position]));
  }

  /** The last that this process itself wrote, of the streams to which it has written. */
  written(): Positions {
    return Object.fromEntries(
      Array.from(this.byName, ([name, { written }]) => [name, written] as const).filter(([, position]) => position > 0),
    );
  }

  /** As positions, with what this process itself wrote, also where rows of other writers that come before are still on their way. */
  horizon(): Positions {
    return Object.fromEntries(Array.from(this.byName, ([name, { follower, written }]) => [name, Math.max(follower.position, written)]));
  }

  /** Positions of what this process wrote and cannot read back yet; undefined where there are none. */
  unsettled(): Positions | undefined {
    let open: Record<string, number> | undefined;
    for (const [name, { follower, written }] of this.byName) if (written > follower.position) (open ??= {})[name] = written;
    return open;
  }

  /** Positions that are known to exist and haven't been reached yet; undefined where there are none. */
  missing(): Positions | undefined {
    let open: Record<string, number> | undefined;
    for (const [name, { follower }] of this.byName) if (follower.lag > 0) (open ??= {})[name] = follower.position + follower.lag;
    return open;
  }

  /** Rows known to exist and not applied yet, by stream; for metrics and health. */
  lags(): Positions {
    return Object.fromEntries(Array.from(this.byName, ([name, { follower }]) => [name, follower.lag]));
  }

  /** What its writer must say once rows are committed, with all rows of the transaction, ordered by id. */
  publish<Row>(stream: StreamDef<Row>, rows: readonly StreamRow<Row>[]): void {
    const first = rows[0];
    if (first) this.spread(this.require(stream), batchOf(rows, "", first.id - 1));
  }

  /** Adds rows to a memory-only stream, as its writer. Gives the position that includes them. */
  append<Row>(stream: StreamDef<Row>, rows: readonly Row[]): number {
    const followed = this.require(stream);
    const log = this.memoryLog(followed);
    const before = log.position();
    if (rows.length > 0) this.spread(followed, batchOf(log.append(rows), log.epoch, before));
    return log.position();
  }

  /** How the writer of a memory-only stream says all that counts now to a reader that is too far behind. */
  provide<Row>(stream: StreamDef<Row>, snapshot: () => readonly Row[]): void {
    this.require(stream).snapshot = snapshot;
  }

  /** Answers a reader of a memory-only stream, as its writer. */
  updatesSince({ stream: name, epoch, from }: UpdatesQuery): UpdatesAnswer {
    const followed = this.byName.get(name);
    if (!followed || followed.def.sequence !== undefined) throw new Error(`${name} is not a stream in memory`);
    return encodeUpdates(followed.def, this.memoryLog(followed).since(epoch, from));
  }

  /**
   * fn is called with rows as they become known here: after caches have been invalidated, before the position moves. It marks
   * what changed and must neither wait nor throw. Returns the way to stop.
   */
  subscribe<Row>(stream: StreamDef<Row>, fn: Subscriber<Row>): () => void {
    const { subscribers } = this.require(stream);
    const subscriber = fn as Subscriber<unknown>;
    subscribers.add(subscriber);
    return () => subscribers.delete(subscriber);
  }

  /**
   * Resolves to true when all the positions have been reached here, to false when that took too long. Positions of streams
   * that this process doesn't follow are taken for reached.
   */
  async waitFor(positions: Positions, timeoutMs: number, signal?: EndSignal): Promise<boolean> {
    const waits: Promise<boolean>[] = [];
    for (const [name, position] of Object.entries(positions)) {
      const stream = this.byName.get(name);
      if (!stream || stream.follower.position >= position) continue;
      if (this.isHere(stream, position)) continue;
      const late = setTimeout(() => this.hurry(stream, position), LATE_MS).unref();
      waits.push(stream.waiters.wait(position, timeoutMs, signal).finally(() => clearTimeout(late)));
    }
    const done = waits.length > 0 ? this.options.onWait?.() : undefined;
    return (await Promise.all(waits).finally(done)).every(Boolean);
  }

  /** Applies what is in the database by now. Resolves to false when that took too long, or the database is away. */
  async catchUp(timeoutMs: number): Promise<boolean> {
    const stored = [...this.byName].filter(([, { def }]) => def.sequence !== undefined);
    try {
      const heads = await Promise.all(stored.map(async ([name, { def }]) => [name, await this.head(def)] as const));
      for (const [name, head] of heads) this.byName.get(name)?.follower.reach(head);
      return await this.waitFor(Object.fromEntries(heads), timeoutMs);
    } catch (error) {
      this.options.log.warn(`cannot read where the streams stand: ${messageOf(error)}`);
      return false;
    }
  }

  /** Of a stream in the memory of this process there is nothing to wait for: what its writer before said last can't come any more. */
  private isHere(stream: Followed, position: number): boolean {
    if (stream.def.sequence !== undefined || this.options.writes?.(stream.def) === undefined) return false;
    this.memoryLog(stream, position);
    return true;
  }

  private follow(def: AnyStream): Followed {
    const { graceMs = 30, pollMs = 1_000, lateness, log } = this.options;
    const followed: Followed = {
      def,
      subscribers: new Set(),
      waiters: new PositionWaiters(),
      snapshot: () => [],
      memory: undefined,
      life: undefined,
      late: 0,
      asking: false,
      repeats: 0,
      written: 0,
      follower: new StreamFollower({
        name: def.name,
        log,
        graceMs: () => graceMs + (lateness?.() ?? 0),
        retryMs: pollMs,
        apply: (batch) => this.apply(followed, batch),
        fetch: (epoch, from, to) => this.fetch(def, epoch, from, to),
      }),
    };
    return followed;
  }

  private require(stream: { readonly name: string }): Followed {
    const followed = this.byName.get(stream.name);
    if (!followed) throw new Error(`this process does not follow the stream ${stream.name}`);
    return followed;
  }

  private async load(stream: Followed): Promise<void> {
    const { def, follower } = stream;
    if (def.sequence !== undefined) follower.startAt(await this.head(def));
    else if (this.options.bus.shared) follower.refresh();
    else this.memoryLog(stream);
  }

  private head(def: AnyStream): Promise<number> {
    return def.head ? def.head(this.options.db) : streamHead(this.options.db, def);
  }

  private async fetch(def: AnyStream, epoch: string, from: number, to: number): Promise<CaughtUp> {
    if (!def.catchUp) return this.options.fetchMemory(def, { stream: def.name, epoch, from });
    const upTo = Math.min(to, from + PAGE_IDS);
    return { epoch, upTo, rows: await def.catchUp(this.options.db, from, upTo), reset: false };
  }

  /** The log of this life of ours as the writer; a new one where another process wrote in between, or may have while this one slept. It begins
   * beyond `seen`, a position of the life before that somebody claims to have seen, as far as clocks may differ. */
  private memoryLog(stream: Followed, seen = 0): MemoryLog {
    const { clock, random, writes } = this.options;
    const { follower } = stream;
    const life = writes?.(stream.def) ?? stream.life;
    if (stream.memory && stream.memory.epoch === follower.epoch && stream.life === life) return stream.memory;
    stream.life = life;
    const now = clock.now();
    const start = Math.max(now, follower.position + 1, Math.min(seen + 1, now + CLOCK_SKEW_MS));
    stream.memory = createMemoryLog(random.letters(10), start, () => stream.snapshot());
    follower.startAt(start, stream.memory.epoch);
    stream.written = 0;
    return stream.memory;
  }

  private hear({ def, follower }: Followed, text: string): void {
    const message = decodeBatch(def, text);
    if (!message || message.instance === this.options.instance) return;
    this.options.metrics?.received(def.name, message.batch.after - message.batch.before);
    follower.receive(message.batch);
  }

  private spread(stream: Followed, batch: StreamBatch): void {
    const { bus } = this.options;
    stream.follower.receive(batch);
    stream.written = Math.max(stream.written, batch.after);
    stream.repeats = ANNOUNCEMENTS;
    if (bus.shared) this.send(stream.def, batch);
  }

  private send(def: AnyStream, batch: StreamBatch): void {
    this.options.metrics?.sent(batch.after === batch.before ? "POSITION" : "RDATA");
    this.options.bus.publish(this.options.channelPrefix + def.name, encodeBatch(def, this.options.instance, batch));
  }

  private apply(stream: Followed, batch: Application): void {
    const { def, subscribers, waiters } = stream;
    const { notifier, caches } = this.options;
    const wakes = def.wakes !== undefined && !notifier.idle();
    const rows = subscribers.size > 0 || def.invalidates || wakes ? batch.rows() : [];
    for (const { row } of rows) this.guard(def, () => def.invalidates?.(row, caches));
    for (const fn of subscribers) this.guard(def, () => fn(rows, batch.after, { reset: batch.reset }));
    batch.move();
    if (batch.reset) stream.written = 0;
    waiters.moved(batch.after);
    if (!wakes) return;
    const users = new Set<string>();
    const rooms = new Set<string>();
    for (const { row } of rows) {
      this.guard(def, () => {
        const targets = def.wakes?.(row);
        for (const user of targets?.users ?? []) users.add(user);
        for (const room of targets?.rooms ?? []) rooms.add(room);
      });
    }
    notifier.wake(def.name, { users: [...users], rooms: [...rooms] });
  }

  /** One consumer's mistake must not keep the others from the row. */
  private guard(def: AnyStream, fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.options.log.error(`a consumer of ${def.name} failed`, { error });
    }
  }

  /**
   * A position is late: perhaps its message is lost. The database is asked how far the stream really goes, since what clients
   * claim is not taken at its word; once at a time, and again for those who came to ask meanwhile.
   */
  private hurry(stream: Followed, position: number): void {
    if (stream.def.sequence === undefined) stream.follower.refresh();
    else stream.late = Math.max(stream.late, position);
    if (stream.late > 0 && !stream.asking) runOutsideContext(() => void this.ask(stream));
  }

  private async ask(stream: Followed): Promise<void> {
    const { def, follower } = stream;
    stream.asking = true;
    try {
      while (stream.late > 0) {
        const { late } = stream;
        stream.late = 0;
        follower.reach(Math.min(late, await this.head(def)));
      }
    } catch (error) {
      this.options.log.warn(`cannot read where ${def.name} stands: ${messageOf(error)}`);
    }
    stream.asking = false;
  }

  private poll(): void {
    for (const stream of this.byName.values()) this.hurry(stream, Infinity);
  }

  private resume(): void {
    this.announce("all");
    this.poll();
  }

  private announce(what: "news" | "all"): void {
    for (const stream of this.byName.values()) {
      if (what === "news" ? stream.repeats === 0 : stream.written === 0) continue;
      stream.repeats = Math.max(0, stream.repeats - 1);
      this.send(stream.def, announcement(stream.follower.epoch, stream.follower.position));
    }
  }
}
