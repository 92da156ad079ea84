import type { Clock } from "../lib/clock";
import { runOutsideContext } from "../observe/context";
import type { Database } from "../storage/db";
import { evictLeases, nextLeaseEpoch, releaseLeases, renewLeases, sweepLeases, takeLeases } from "../storage/leases";
import type { Fence } from "../storage/leases";
import type { Bus } from "./bus";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";
import type { Ownership } from "./ownership";
import { rendezvous } from "./rendezvous";

export interface LeasesOptions {
  readonly db: Database;
  readonly bus: Bus;
  /** Where changes are announced. */
  readonly channel: string;
  readonly instance: string;
  /** What this process stands for. */
  readonly standsFor: readonly string[];
  /** Who may stand for what, as configured; `*` for whoever does. What isn't named falls to the main process. */
  readonly candidates: Readonly<Record<string, readonly string[]>>;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: ReplicationLog;
  /** Another process under this one's name has taken its place: this one must end. */
  readonly onReplaced: (error: Error) => void;
  /** Something else proves that no other process of this name lives: leases that it finds are left over, and are not waited for. */
  readonly unique?: boolean;
  /** A hash of how work is shared among processes, where several share it: all that run must agree. */
  readonly sharding?: string;
  /** Default 5000 and 2000. */
  readonly ttlMs?: number;
  readonly renewMs?: number;
}

/** As a candidate: whoever stands. */
export const ANYBODY = "*";
const START_POLL_MS = 200;
/** Refreshes that callers ask for are at least so far apart. */
const REFRESH_GAP_MS = 50;

/** Another process runs under this one's name. */
class InstanceTakenError extends Error {
  override readonly name = "InstanceTakenError";
}

/** Processes with different configurations would each hand the same work to different ones. */
class ShardingDiffersError extends Error {
  override readonly name = "ShardingDiffersError";

  constructor(others: readonly string[]) {
    super(
      `${others.join(", ")} ${others.length > 1 ? "run" : "runs"} with other values of stream_writers, federation_sender_instances or ` +
        "pusher_instances. Give all processes the same ones, and restart those that have read older ones.",
    );
  }
}

/** Holds this process's leases and knows those of the others. */
export class Leases implements Ownership {
  readonly instance: string;
  private epoch = 0;
  private holders = new Map<string, string[]>();
  private alive = new Set<string>();
  private readonly known: ReadonlySet<string>;
  private readonly listeners = new Set<() => void>();
  private readonly ttlMs: number;
  private readonly renewMs: number;
  /** Monotonic ms until which our own leases surely are ours. */
  private ownUntil = 0;
  private refreshing: Promise<void> | undefined;
  private refreshedAt = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;
  /** Ms after which somebody wants to look again, said during a tick. */
  private wanted = Infinity;
  /** Monotonic ms at which the timer fires. */
  private due = Infinity;
  private unsubscribe: () => void = () => undefined;
  private stopped = false;

  constructor(private readonly options: LeasesOptions) {
    this.instance = options.instance;
    this.ttlMs = options.ttlMs ?? 5_000;
    this.renewMs = options.renewMs ?? 2_000;
    this.known = new Set(Object.values(options.candidates).flat());
  }

  /**
   * Takes the leases. Waits for those of an earlier life, and for processes of an older configuration, to end; fails when they do not.
   */
  async start(): Promise<void> {
    const { db, bus, channel, unique } = this.options;
    if (unique) await evictLeases(db, this.instance);
    this.epoch = await nextLeaseEpoch(db);
    await this.waitForAgreement();
    if (!(await this.takePatiently())) throw this.takenError();
    this.unsubscribe = bus.subscribe(channel, () => this.hasten(REFRESH_GAP_MS));
    this.schedule(await this.look());
    this.announce();
  }

  /** Gives the leases up, so that others take over at once. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    this.unsubscribe();
    // A renewal under way may be about to begin a new life.
    await this.ticking;
    await releaseLeases(this.options.db, { instance: this.instance, epoch: this.epoch }).catch(() => undefined);
    this.announce();
  }

  ownerOf(standsFor: string, key = ""): string {
    const live = this.holders.get(standsFor) ?? [];
    const sure = this.holdsOwn() ? live : live.filter((name) => name !== this.instance);
    return (
      rendezvous(sure, key) ??
      rendezvous(
        this.candidates(standsFor).filter((name) => name !== ANYBODY),
        key,
      ) ??
      "main"
    );
  }

  isMine(standsFor: string, key?: string): boolean {
    return this.holdsOwn() && this.ownerOf(standsFor, key) === this.instance;
  }

  isLive(instance: string): boolean {
    return this.alive.has(instance) || !this.known.has(instance);
  }

  /** Other instances that are alive. */
  others(): string[] {
    return [...this.alive].filter((name) => name !== this.instance);
  }

  fence(standsFor: string): Fence {
    return { standsFor, instance: this.instance, epoch: this.epoch };
  }

  onChange(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  refresh(): Promise<void> {
    if (this.options.clock.monotonic() - this.refreshedAt < REFRESH_GAP_MS) return Promise.resolve();
    this.refreshing ??= runOutsideContext(() => this.look())
      .then((ms) => this.hasten(ms))
      .finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private candidates(standsFor: string): readonly string[] {
    return this.options.candidates[standsFor] ?? ["main"];
  }

  private mayStand(standsFor: string, instance: string): boolean {
    const names = this.candidates(standsFor);
    return names.includes(instance) || names.includes(ANYBODY);
  }

  private holdsOwn(): boolean {
    return this.options.clock.monotonic() < this.ownUntil;
  }

  private takenError(): Error {
    const who = this.instance === "main" ? "another main process holds this database" : `another process named ${this.instance} is running`;
    return new InstanceTakenError(who);
  }

  private async waitForAgreement(): Promise<void> {
    const { clock } = this.options;
    const giveUp = clock.monotonic() + this.ttlMs + this.renewMs;
    for (let others = await this.disagreeing(); others.length > 0; others = await this.disagreeing()) {
      if (this.stopped || clock.monotonic() > giveUp) throw new ShardingDiffersError(others);
      await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
    }
  }

  /** Others that are alive and share work in another way. */
  private async disagreeing(): Promise<string[]> {
    const { db, sharding } = this.options;
    if (sharding === undefined) return [];
    const leases = await sweepLeases(db);
    const others = leases.filter((lease) => lease.instance !== this.instance && lease.sharding !== null && lease.sharding !== sharding);
    return [...new Set(others.map(({ instance }) => instance))];
  }

  private async take(): Promise<boolean> {
    const { db, clock, standsFor, sharding = null } = this.options;
    const asked = clock.monotonic();
    const got = await takeLeases(db, { instance: this.instance, epoch: this.epoch }, { standsFor, ttlMs: this.ttlMs, sharding });
    if (got.length < standsFor.length) return false;
    this.ownUntil = asked + this.ttlMs;
    return true;
  }

  /** Waits for leases of an earlier life, or of a statement whose answer was lost, to expire. False when somebody goes on renewing them. */
  private async takePatiently(): Promise<boolean> {
    const { clock } = this.options;
    const giveUp = clock.monotonic() + this.ttlMs + this.renewMs;
    while (!(await this.take())) {
      if (this.stopped || clock.monotonic() > giveUp) return false;
      await new Promise((resolve) => setTimeout(resolve, START_POLL_MS));
    }
    return true;
  }

  private async renew(): Promise<void> {
    const { db, clock, standsFor, log } = this.options;
    const asked = clock.monotonic();
    const kept = await renewLeases(db, { instance: this.instance, epoch: this.epoch }, this.ttlMs);
    if (kept.length >= standsFor.length) {
      this.ownUntil = asked + this.ttlMs;
      return;
    }
    this.ownUntil = -Infinity;
    if (this.stopped) return;
    log.warn("the other processes took this one for dead; it goes on in a new life");
    // Whatever is remembered of the old one is let go of before.
    this.changed();
    await releaseLeases(db, { instance: this.instance, epoch: this.epoch });
    this.epoch = await nextLeaseEpoch(db);
    if (!(await this.takePatiently())) {
      if (this.stopped) return;
      this.stopped = true;
      this.options.onReplaced(this.takenError());
      return;
    }
    this.announce();
    this.changed();
  }

  /** Gives the ms after which to look again: earlier than usual where somebody has not renewed in time. */
  private async look(): Promise<number> {
    const leases = await sweepLeases(this.options.db);
    this.refreshedAt = this.options.clock.monotonic();
    const holders = new Map<string, string[]>();
    for (const { standsFor, instance } of leases) {
      if (!this.mayStand(standsFor, instance)) continue;
      holders.set(standsFor, [...(holders.get(standsFor) ?? []), instance]);
    }
    const before = JSON.stringify([...this.holders]);
    this.holders = holders;
    this.alive = new Set(leases.map(({ instance }) => instance));
    if (before !== JSON.stringify([...holders])) this.changed();
    const left = Math.min(...leases.filter(({ instance }) => instance !== this.instance).map(({ leftMs }) => leftMs));
    return left < this.renewMs ? Math.max(left, 0) + REFRESH_GAP_MS : this.renewMs;
  }

  private changed(): void {
    for (const fn of this.listeners) fn();
  }

  private announce(): void {
    this.options.bus.publish(this.options.channel, this.instance);
  }

  /** Looks sooner, never later: whoever cannot reach somebody asks again and again, and must not put off the renewal of its leases. */
  private hasten(ms: number): void {
    if (this.ticking) this.wanted = Math.min(this.wanted, ms);
    else this.schedule(Math.min(ms, this.due - this.options.clock.monotonic()));
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.due = this.options.clock.monotonic() + ms;
    this.timer = setTimeout(() => (this.ticking = this.tick()), ms).unref();
  }

  /** Never twice at once: one renewal that begins a new life would take the leases away from the other. */
  private async tick(): Promise<void> {
    let next = this.renewMs;
    this.due = Infinity;
    try {
      await this.renew();
      if (!this.stopped) next = await this.look();
    } catch (error) {
      this.options.log.warn(`cannot renew the leases of this process: ${messageOf(error)}`);
    }
    this.ticking = undefined;
    next = Math.min(next, this.wanted);
    this.wanted = Infinity;
    this.schedule(next);
  }
}
