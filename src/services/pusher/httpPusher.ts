import type { App } from "../../handlers/app";
import { removePushers } from "../../handlers/push/pushers";
import { badgeCount } from "../../handlers/push/unread";
import type { Limiter } from "../../lib/limiter";
import { messageOf } from "../../replication/log";
import type { NotificationRow } from "../../storage/notifications";
import type { Pusher } from "../../storage/pushers";
import { eventsStream } from "../../streams/events";
import { createPause } from "../pause";
import { composeNotification, pendingNotifications, wantsNoBadge } from "./compose";
import type { ComposeApp } from "./compose";
import type { Gateways } from "./gateways";
import type { PusherMetrics } from "./metrics";
import { badgeNotification } from "./notification";
import type { Progress, ProgressRow } from "./progress";

export type PusherApp = ComposeApp & Pick<App, "background" | "clock" | "log" | "random" | "streams">;

/** What all pushers share. */
export interface PusherDeps {
  readonly gateways: Gateways;
  readonly progress: Progress;
  readonly metrics: PusherMetrics;
  /** Bounds how many look into the database for what they missed: after a start, all of them do. */
  readonly reading: Limiter;
  /** Bounds how many put notifications together: after a message to a large room, all of its members' pushers do. */
  readonly composing: Limiter;
}

const MIN_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 3_600_000;
/** After so long without success an event is given up, lest a gateway that comes back finds the news of last week. */
const GIVE_UP_MS = 24 * 3_600_000;
/** After something else went wrong than the gateway: the database was away. */
const TROUBLE_MS = 1_000;
/** How long a request may go on after the end was asked for: what the gateway took and we don't know of is pushed again. */
const GRACE_MS = 2_000;
/** Notifications of a pusher that wait in memory; further ones it reads from the database later. */
const MAX_QUEUE = 100;

/**
 * Tells a push gateway what notifies its user: one event at a time and in order, each until the gateway takes it. Where it stands is in
 * the database after each, so whoever has the duty next goes on from there. Without anything to tell it is plain data.
 */
export class HttpPusher {
  private queue: NotificationRow[] = [];
  /** What notified up to here is pushed or in the queue; there is more in the database where isBehind says so. */
  private loadedUpTo: number;
  private isBehind = true;
  private place: Pick<ProgressRow, "lastStreamOrdering" | "failingSinceTs">;
  private savedAt: number;
  private backoff = MIN_BACKOFF_MS;
  private isBadgeDue = false;
  private toldBadge: number | undefined;
  private running: Promise<void> | undefined;
  private isStopped = false;
  private readonly pause = createPause();
  private readonly stopping = new AbortController();

  constructor(
    private readonly app: PusherApp,
    private settings: Pusher,
    private readonly deps: PusherDeps,
  ) {
    const { lastStreamOrdering, failingSinceTs } = settings;
    this.place = { lastStreamOrdering, failingSinceTs };
    this.loadedUpTo = this.savedAt = lastStreamOrdering;
  }

  /** Its user set it anew. */
  update(settings: Pusher): void {
    const isMoved = settings.data["url"] !== this.settings.data["url"];
    this.settings = settings;
    if (!isMoved) return;
    this.backoff = MIN_BACKOFF_MS;
    this.pause.end();
  }

  /** An event notifies the user. Told in stream order. */
  add(row: NotificationRow): void {
    if (this.isBehind || row.streamOrdering <= this.loadedUpTo) return;
    if (this.queue.length >= MAX_QUEUE) return this.fallBehind();
    this.loadedUpTo = row.streamOrdering;
    this.queue.push(row);
    this.wake();
  }

  /** Something may have been missed: the database knows. */
  fallBehind(): void {
    this.isBehind = true;
    this.wake();
  }

  /** The user has read something. */
  checkBadge(): void {
    this.isBadgeDue = true;
    this.wake();
  }

  /** It was stopped, or its gateway rejected it. */
  get isOver(): boolean {
    return this.isStopped;
  }

  /** Resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.pause.close();
    const timer = setTimeout(() => this.stopping.abort(), GRACE_MS);
    await this.running;
    clearTimeout(timer);
  }

  /** Where it stands, if that is not stored yet. seen: all events up to there have been looked at. */
  unsaved(seen: number): ProgressRow | undefined {
    if (!this.isBehind && this.queue.length === 0) this.reach(seen);
    return this.place.lastStreamOrdering > this.savedAt ? { ...this.key(), ...this.place, lastSuccessTs: null } : undefined;
  }

  wake(): void {
    if (this.running || this.isStopped || !this.hasWork()) return;
    this.running = new Promise((resolve) => {
      this.app.background("httppush.process", async () => {
        await this.run();
        this.running = undefined;
        resolve();
        this.wake();
      });
    });
  }

  private key() {
    const { userId, appId, pushkey } = this.settings;
    return { userId, appId, pushkey };
  }

  private hasWork(): boolean {
    return this.queue.length > 0 || this.isBehind || this.isBadgeDue;
  }

  /** Never fails. */
  private async run(): Promise<void> {
    while (!this.isStopped && this.hasWork()) {
      try {
        await this.step();
      } catch (error) {
        this.log().error(`cannot go on pushing to ${this.settings.userId}`, { error });
        await this.pause.wait(TROUBLE_MS);
      }
    }
  }

  private async step(): Promise<void> {
    const [next] = this.queue;
    if (next) return this.push(next);
    if (this.isBehind) return this.deps.reading.run(() => this.read());
    this.isBadgeDue = false;
    return this.tellBadge();
  }

  private async read(): Promise<void> {
    if (this.isStopped) return;
    const [after, upTo] = [this.loadedUpTo, this.app.streams.position(eventsStream)];
    // What comes from here on is told.
    this.isBehind = false;
    this.loadedUpTo = Math.max(after, upTo);
    if (after >= upTo) return;
    try {
      const rows = await pendingNotifications(this.app, this.settings.userId, { after, upTo, limit: MAX_QUEUE });
      const last = rows.length === MAX_QUEUE ? rows.at(-1) : undefined;
      this.queue = last ? rows : [...rows, ...this.queue];
      if (!last) return;
      this.loadedUpTo = last.streamOrdering;
      this.isBehind = true;
    } catch (error) {
      this.queue = [];
      this.loadedUpTo = after;
      this.isBehind = true;
      throw error;
    }
  }

  private async push(row: NotificationRow): Promise<void> {
    const { app, deps } = this;
    const jitter = app.config.push.jitter_delay;
    if (jitter > 0 && this.backoff === MIN_BACKOFF_MS) await this.pause.wait(app.random.fraction() * jitter);
    if (this.isStopped) return;
    const composed = await deps.composing.run(() => composeNotification(app, this.settings, row));
    if (!composed) return this.skip(row);
    let rejected: readonly string[];
    try {
      rejected = await deps.gateways.notify(String(this.settings.data["url"]), composed.body, this.stopping.signal);
    } catch (error) {
      return this.fail(row, error);
    }
    deps.metrics.pushed();
    this.backoff = MIN_BACKOFF_MS;
    this.toldBadge = composed.badge;
    this.pass(row);
    this.place = { ...this.place, failingSinceTs: null };
    await this.save(app.clock.now());
    await this.reject(rejected);
  }

  /** Nothing failed with this one: the next has its full time. */
  private async skip(row: NotificationRow): Promise<void> {
    this.pass(row);
    if (this.place.failingSinceTs === null) return;
    this.place = { ...this.place, failingSinceTs: null };
    await this.save(null);
  }

  /** Done with the first of the queue. */
  private pass(row: NotificationRow): void {
    this.queue.shift();
    this.reach(row.streamOrdering);
  }

  private reach(position: number): void {
    this.place = { ...this.place, lastStreamOrdering: Math.max(this.place.lastStreamOrdering, position) };
  }

  private async save(lastSuccessTs: number | null): Promise<void> {
    const { lastStreamOrdering } = this.place;
    await this.deps.progress.save({ ...this.key(), ...this.place, lastSuccessTs });
    this.savedAt = lastStreamOrdering;
  }

  private async fail(row: NotificationRow, error: unknown): Promise<void> {
    if (this.stopping.signal.aborted) return;
    this.deps.metrics.pushFailed();
    const now = this.app.clock.now();
    const since = this.place.failingSinceTs ?? now;
    const isOver = now - since >= GIVE_UP_MS;
    const { userId } = this.settings;
    this.place = { ...this.place, failingSinceTs: isOver ? null : since };
    if (isOver) this.pass(row);
    if (isOver || since === now) await this.save(null);
    if (isOver) {
      this.backoff = MIN_BACKOFF_MS;
      return this.log().warn(`gave up a notification of ${userId}: ${messageOf(error)}`);
    }
    const wait = this.backoff;
    this.backoff = Math.min(wait * 2, MAX_BACKOFF_MS);
    this.log().warn(`could not push to ${userId}, again in ${wait / 1_000} s: ${messageOf(error)}`);
    await this.pause.wait(wait);
  }

  /** The number on the icon, where it is another one than was told last. A failure is not repeated: the next number comes anyway. */
  private async tellBadge(): Promise<void> {
    const { app, deps, settings } = this;
    if (wantsNoBadge(app, settings)) return;
    const badge = await deps.composing.run(() => badgeCount(app, settings.userId));
    if (badge === this.toldBadge) return;
    let rejected: readonly string[];
    try {
      rejected = await deps.gateways.notify(String(settings.data["url"]), badgeNotification(settings, badge), this.stopping.signal);
    } catch (error) {
      deps.metrics.badgeFailed();
      return this.log().warn(`could not tell ${settings.userId} how much is unread: ${messageOf(error)}`);
    }
    deps.metrics.badgeTold();
    this.toldBadge = badge;
    await this.reject(rejected);
  }

  /** The gateway wants to hear of a pushkey no more. Those of other pushers are none of its business here. */
  private async reject(rejected: readonly string[]): Promise<void> {
    if (!rejected.includes(this.settings.pushkey)) return;
    this.log().info(`the gateway rejects a pushkey of ${this.settings.userId}: its pusher goes`);
    await removePushers(this.app, [this.key()]);
    this.isStopped = true;
  }

  private log() {
    return this.app.log("synapse.push.httppusher");
  }
}
