import { setImmediate as nextTurn } from "node:timers/promises";
import type { StoredEvent } from "../caches/events";
import { isUniqueViolation } from "../storage/databaseError";
import { findEventNids, findTransactions, getEventsByNid } from "../storage/events";
import { flushEvents, resultOf } from "./flush";
import type { FlushDeps, FlushResult } from "./flush";
import type { PendingEvent } from "./pendingEvent";
import type { SendIntent, SendOutcome } from "./intents";
import { roomStatsOf } from "./roomStats";
import type { RoomWriterDeps } from "./roomWriter";
import { TipConflict } from "./tipRows";
import { type Ahead, Unstored, newGroups } from "./unstored";
import { withAhead } from "./withAhead";

export interface FlushJob {
  readonly intent: SendIntent;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
}

export interface Queued<Job> {
  readonly job: Job;
  readonly roomId: string;
  readonly event: PendingEvent;
}

/** Events that are flushed together or not at all: one sent event, or all of a new room. */
interface Unit<Job> {
  readonly roomId: string;
  readonly events: readonly PendingEvent[];
  readonly job: Job | undefined;
  done(stored: readonly StoredEvent[]): void;
  fail(error: unknown): void;
}

interface Callbacks<Job> {
  /** Builds the jobs of a room anew, before anything else of that room. */
  retry(jobs: readonly Job[], roomId: string): void;
  settled(roomId: string): void;
}

/** Of the groups that each room went through, the last is what others will ask for. */
function lastWithGroups<Job>(batch: readonly Unit<Job>[]): Iterable<PendingEvent> {
  const last = new Map<string, PendingEvent>();
  for (const { roomId, events } of batch) for (const event of events) if (event.built.groups.length > 0) last.set(roomId, event);
  return last.values();
}

const MAX_BATCH = 500;
const MAX_ATTEMPTS = 3;
/** While a room goes over from one writer to another both may write to it for a moment: that is not the event's fault. */
const MAX_CONFLICTS = 10;

const sentOf = (event: StoredEvent): SendOutcome => ({
  sent: { eventId: event.row.eventId, streamOrdering: event.row.streamOrdering ?? 0 },
});

/**
 * Group commit: while one flush is in flight further events queue up, and the next one takes them all. No timers. After a failure each
 * room is flushed for itself, so that a bad event takes nobody with it.
 */
export class Flusher<Job extends FlushJob> {
  private readonly waiting = new Unstored();
  private readonly waiters = new Map<number, Job[]>();
  private ready: Unit<Job>[] = [];
  private running: Promise<void> | undefined;

  constructor(
    private readonly deps: RoomWriterDeps,
    private readonly callbacks: Callbacks<Job>,
  ) {}

  /** What is built and not stored yet. */
  get ahead(): Ahead {
    return this.waiting;
  }

  add({ job, roomId, event }: Queued<Job>): void {
    this.enqueue({
      roomId,
      events: [event],
      job,
      done: ([stored]) => (stored ? job.resolve(sentOf(stored)) : job.reject(new Error("an event got lost in its flush"))),
      fail: job.reject,
    });
  }

  /** All events of a new room, stored together or not at all. */
  addRoom(events: readonly PendingEvent[]): Promise<SendOutcome[]> {
    const roomId = events[0]?.built.tip.room.roomId ?? "";
    return new Promise((resolve, reject) => {
      this.enqueue({ roomId, events, job: undefined, done: (stored) => resolve(stored.map(sentOf)), fail: reject });
    });
  }

  /** Answers job with an event that may itself still be on its way to the disk. */
  whenStored(event: StoredEvent, job: Job): void {
    const { nid } = event.row;
    if (!this.waiting.byNid.has(nid)) return job.resolve(sentOf(this.deps.caches.events.cached(nid) ?? event));
    this.waiters.set(nid, [...(this.waiters.get(nid) ?? []), job]);
  }

  async drain(): Promise<void> {
    while (this.running) await this.running;
  }

  private enqueue(unit: Unit<Job>): void {
    for (const { built } of unit.events) this.waiting.add(built);
    this.ready.push(unit);
    this.running ??= this.loop().finally(() => (this.running = undefined));
  }

  private async loop(): Promise<void> {
    // What is ready in this turn of the event loop travels together.
    await nextTurn();
    while (this.ready.length > 0) {
      const batch = this.takeBatch();
      const events = batch.flatMap((unit) => unit.events);
      let result: FlushResult | undefined;
      try {
        result = await this.flush(events);
      } catch (error) {
        await this.failed(batch, events, error);
      }
      if (result) this.accept(batch, result);
    }
  }

  private flush(events: readonly PendingEvent[]): Promise<FlushResult> {
    const { db, caches, serverName, config, push } = this.deps;
    const stats: FlushDeps["stats"] = (batch) => roomStatsOf(caches, serverName, batch, this.waiting.byNid);
    const stored: FlushDeps["stored"] = (nids) => withAhead(nids, this.waiting.byNid, caches.events.byNids);
    return flushEvents({ db, serverName, config, push: push(), stats, stored }, events);
  }

  /** All that is ready; after a failure each room for itself, so that a bad event takes nobody with it. */
  private takeBatch(): Unit<Job>[] {
    const first = this.ready[0];
    const alone = first?.job && first.job.attempts > 0 ? first.roomId : undefined;
    const batch: Unit<Job>[] = [];
    const rest: Unit<Job>[] = [];
    const skipped = new Set<string>();
    let size = 0;
    for (const unit of this.ready) {
      const fits = alone === undefined ? (unit.job?.attempts ?? 0) === 0 && size < MAX_BATCH : unit.roomId === alone;
      // Order within a room is kept: once a unit of a room stays behind, so do its followers.
      if (fits && !skipped.has(unit.roomId)) {
        batch.push(unit);
        size += unit.events.length;
      } else {
        skipped.add(unit.roomId);
        rest.push(unit);
      }
    }
    this.ready = rest;
    return batch;
  }

  private accept(batch: readonly Unit<Job>[], result: FlushResult): void {
    const { caches, publish, forget } = this.deps;
    const stored = new Map(result.stored.map((event) => [event.row.nid, event]));
    for (const event of result.stored) caches.events.add(event);
    for (const { built } of lastWithGroups(batch)) for (const group of newGroups(built)) caches.stateGroups.set(group.id, group);
    publish(result.rows);
    if (result.forget.length > 0) forget(result.forget);
    for (const unit of batch) {
      const events = unit.events.flatMap(({ built }) => stored.get(built.nid) ?? []);
      this.release(unit);
      unit.done(events);
      this.callbacks.settled(unit.roomId);
      for (const event of events) for (const job of this.takeWaiters(event.row.nid)) job.resolve(sentOf(event));
    }
  }

  private takeWaiters(nid: number): Job[] {
    const jobs = this.waiters.get(nid) ?? [];
    this.waiters.delete(nid);
    return jobs;
  }

  private release(unit: Unit<Job>): void {
    for (const { built } of unit.events) this.waiting.delete(built);
  }

  /** The transaction failed, or its answer was lost. Finds out which; what is not stored is built anew. */
  private async failed(batch: readonly Unit<Job>[], events: readonly PendingEvent[], error: unknown): Promise<void> {
    const roomIds = new Set(batch.map((unit) => unit.roomId));
    try {
      const ids = await this.positionsOf(events);
      if (ids) return this.accept(batch, resultOf(events, ids));
      await this.answerRepeated(batch);
    } catch (second) {
      for (const unit of batch) if (unit.job) unit.job.attempts = MAX_CONFLICTS;
      error = second;
    }
    // What was built on top of the batch, also in the meantime, falls with it.
    const followers = this.ready.filter((unit) => roomIds.has(unit.roomId));
    this.ready = this.ready.filter((unit) => !roomIds.has(unit.roomId));
    for (const roomId of roomIds)
      this.rebuild(
        roomId,
        [...batch, ...followers].filter((unit) => unit.roomId === roomId),
        error,
      );
  }

  /** Where the events stand, if the commit had arrived after all. */
  private async positionsOf(events: readonly PendingEvent[]): Promise<number[] | undefined> {
    const eventIds = events.map(({ built }) => built.event.eventId);
    const found = await findEventNids(this.deps.db, eventIds);
    if (found.length !== events.length) return undefined;
    const stored = await getEventsByNid(
      this.deps.db,
      found.map(({ nid }) => nid),
    );
    const rows = new Map(stored.map((row) => [row.nid, row]));
    // Events of other servers may have been known before, without a place.
    const positions = events.map(({ built }) => rows.get(built.nid)?.streamOrdering ?? null);
    return positions.every((position) => position !== null) ? positions : undefined;
  }

  /** Answers the jobs whose transaction id was used before, in an earlier life of this process or by another owner. */
  private async answerRepeated(batch: readonly Unit<Job>[]): Promise<void> {
    const asked = batch.flatMap((unit) => {
      const txnId = unit.job?.intent.txnId;
      const event = unit.events[0];
      return unit.job && event && typeof txnId === "string"
        ? [
            {
              job: unit.job,
              sender: unit.job.intent.sender,
              device: unit.job.intent.deviceId ?? "",
              roomNid: event.built.tip.room.nid,
              txnId,
            },
          ]
        : [];
    });
    if (asked.length === 0) return;
    for (const known of await findTransactions(this.deps.db, asked)) {
      const match = asked.find(
        (a) => a.sender === known.sender && a.device === known.device && a.roomNid === known.roomNid && a.txnId === known.txnId,
      );
      if (!match) continue;
      match.job.resolve({ sent: { eventId: known.eventId, streamOrdering: known.streamOrdering } });
      match.job.attempts = Infinity;
    }
  }

  private rebuild(roomId: string, units: readonly Unit<Job>[], error: unknown): void {
    const again: Job[] = [];
    const most = error instanceof TipConflict || isUniqueViolation(error) ? MAX_CONFLICTS : MAX_ATTEMPTS;
    for (const unit of units) {
      this.release(unit);
      for (const { built } of unit.events) again.push(...this.takeWaiters(built.nid));
      if (!unit.job) unit.fail(error);
      else if (unit.job.attempts === Infinity) continue;
      else if (++unit.job.attempts >= most) unit.fail(error);
      else again.push(unit.job);
    }
    this.callbacks.retry(again, roomId);
  }
}
