import { waitAtMost } from "../../lib/waitAtMost";
import { messageOf } from "../../replication/log";
import { getMailThrottles, putMailThrottles } from "../../storage/mailThrottles";
import type { MailThrottle } from "../../storage/mailThrottles";
import type { Pusher } from "../../storage/pushers";
import { eventsStream } from "../../streams/events";
import type { Mailer } from "../../remote/mailer";
import { pendingNotifications } from "./compose";
import { composeMail, stillUnread } from "./composeMail";
import type { UnreadEvent } from "./composeMail";
import type { PusherApp, PusherDeps } from "./httpPusher";
import { dueAt, nextThrottle } from "./mailThrottle";
import type { ProgressRow } from "./progress";

/** Of so many notifications at once a mail tells; what is older has been there for long. */
const MAX_EVENTS = 500;
const TROUBLE_MS = 60_000;
/** How long a mail that is under way may go on after the end was asked for. */
const GRACE_MS = 5_000;
const MAX_TROUBLE_MS = 3_600_000;

/**
 * Writes to its user of what they did not read for a while: one mail for all that is unread, and of each room less and less often as long
 * as it does not calm down. Where it stands is in the database, so whoever has the duty next goes on from there; in memory is only when
 * to look again.
 */
export class MailPusher {
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;
  /** There may be something to tell past where it stands. */
  private isPending = true;
  /** It was time to look while it looked. */
  private isDue = false;
  private isStopped = false;
  private running: Promise<void> | undefined;
  private backoff = TROUBLE_MS;
  private place: number;
  private savedAt: number;

  constructor(
    private readonly app: PusherApp,
    private settings: Pusher,
    private readonly deps: PusherDeps,
    private readonly mailer: Mailer,
  ) {
    this.place = this.savedAt = settings.lastStreamOrdering;
  }

  update(settings: Pusher): void {
    this.settings = settings;
  }

  /** An event notifies the user: in a while it may be time to write of it. */
  add(): void {
    this.isPending = true;
    this.lookAgain(this.app.clock.now() + this.delay());
  }

  fallBehind(): void {
    this.isPending = true;
    this.wake();
  }

  /** Mails bear no number of unread messages. What was read is found out when a mail is due. */
  checkBadge(): void {}

  get isOver(): boolean {
    return this.isStopped;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    // A relay that does not answer keeps nobody: the mail may come twice.
    if (this.running) await waitAtMost(this.running, GRACE_MS);
  }

  unsaved(seen: number): ProgressRow | undefined {
    if (!this.isPending) this.place = Math.max(this.place, seen);
    return this.place > this.savedAt ? this.progress(null) : undefined;
  }

  wake(): void {
    this.isDue = true;
    if (this.running || this.isStopped || !this.isPending) return;
    this.isDue = false;
    this.running = new Promise((resolve) => {
      this.app.background("emailpush.process", async () => {
        await this.run();
        this.running = undefined;
        resolve();
        if (this.isDue) this.wake();
      });
    });
  }

  private delay(): number {
    return this.app.config.email?.notif_delay_before_mail ?? 0;
  }

  private progress(lastSuccessTs: number | null): ProgressRow {
    const { userId, appId, pushkey } = this.settings;
    return { userId, appId, pushkey, lastStreamOrdering: this.place, lastSuccessTs, failingSinceTs: null };
  }

  /** One timer, for the earliest time. */
  private lookAgain(at: number): void {
    if (this.isStopped || at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(
      () => {
        this.timerAt = Infinity;
        this.wake();
      },
      Math.max(0, at - this.app.clock.now()),
    ).unref();
  }

  private async run(): Promise<void> {
    try {
      const due = await this.deps.reading.run(() => this.look());
      this.backoff = TROUBLE_MS;
      if (due !== undefined) this.lookAgain(due);
    } catch (error) {
      this.app.log("synapse.push.emailpusher").warn(`could not write to ${this.settings.userId}: ${messageOf(error)}`);
      this.lookAgain(this.app.clock.now() + this.backoff);
      this.backoff = Math.min(this.backoff * 2, MAX_TROUBLE_MS);
    }
  }

  /** Sends a mail if one is due; gives when to look again, undefined where there is nothing to tell. */
  private async look(): Promise<number | undefined> {
    if (this.isStopped) return undefined;
    const { app, settings } = this;
    const upTo = app.streams.position(eventsStream);
    const stretch = { after: this.place, upTo, limit: MAX_EVENTS };
    const rows = await pendingNotifications(app, settings.userId, stretch);
    const unread = await stillUnread(app, settings.userId, rows);
    if (unread.length === 0) return this.pass(rows.length === MAX_EVENTS ? (rows.at(-1)?.streamOrdering ?? upTo) : upTo, upTo);
    const throttles = new Map((await getMailThrottles(app.db, settings)).map((throttle) => [throttle.roomNid, throttle]));
    const [now, delay] = [app.clock.now(), this.delay()];
    const times = unread.map((item) => dueAt({ ...item.row, receivedTs: item.receivedTs }, throttles.get(item.row.roomNid), delay));
    const reason = unread.find((_, i) => (times[i] ?? Infinity) <= now);
    if (!reason) return Math.min(...times);
    await this.send(unread, reason, throttles);
    // What came after all of that.
    return now;
  }

  /** There is nothing to tell up to here. Gives when to look at what follows. */
  private pass(reached: number, upTo: number): number | undefined {
    const { clock, streams } = this.app;
    this.place = Math.max(this.place, reached);
    if (reached < upTo) return clock.now();
    // Whoever came meanwhile has set the timer.
    this.isPending = streams.position(eventsStream) > upTo && this.timerAt < Infinity;
    return undefined;
  }

  private async send(unread: readonly UnreadEvent[], reason: UnreadEvent, throttles: ReadonlyMap<number, MailThrottle>): Promise<void> {
    const { app, settings } = this;
    const throttle = throttles.get(reason.row.roomNid);
    const mail = await composeMail(app, settings, unread, { item: reason, throttle, now: app.clock.now(), delay: this.delay() });
    if (!mail) return;
    await this.mailer.send(mail);
    this.deps.metrics.mailed();
    const now = app.clock.now();
    // All that is unread has been told, of rooms whose time had not come, too.
    const newest = new Map(unread.map((item) => [item.row.roomNid, item]));
    const next = Array.from(newest, ([roomNid, { receivedTs }]) => {
      const known = throttles.get(roomNid);
      return nextThrottle({ roomNid, receivedTs }, known, known?.lastSentTs, now);
    });
    await putMailThrottles(app.db, settings, next);
    this.place = Math.max(this.place, ...unread.map(({ row }) => row.streamOrdering));
    await this.deps.progress.save(this.progress(now));
    this.savedAt = this.place;
  }
}
