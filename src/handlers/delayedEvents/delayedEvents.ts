import { setTimeout as sleep } from "node:timers/promises";
import { notFound } from "../../errors";
import { createKeyedQueue } from "../../lib/keyedQueue";
import { getDelayedEvents, nextDue, releaseDelayedEvents, releaseOthers, takeDelayedEvent, takeDue } from "../../storage/delayedEvents";
import type { DelayedEvent } from "../../storage/delayedEvents";
import { delayedEventsOwner } from "../../writers/delayedEventsRpc";
import type { DelayedEvents } from "../../writers/delayedEventsRpc";
import type { App } from "../app";
import { deliver, deliverDue } from "./deliver";

/** Events that are on their way at once. */
const MAX_SENDING = 500;
/** How late something is noticed of which nobody could tell, and when what was out of reach is tried again. */
const LOOK_MS = 5_000;

export const createDelayedEvents = (appOf: () => App): DelayedEvents => new DelayedEventSender(appOf);

class DelayedEventSender implements DelayedEvents {
  /** Taken by this process, and on their way: rooms beside each other, the events of each in turn. */
  private readonly sending = new Map<string, Promise<unknown>>();
  private readonly rooms = createKeyedQueue();
  private stopping: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** When the timer fires; ms. */
  private due = Infinity;
  private isOurs = false;
  /** More is due than is on its way. */
  private isBehind = false;
  private running: Promise<void> | undefined;
  private again = false;

  constructor(private readonly appOf: () => App) {}

  start(): void {
    const unwatch = this.appOf().ownership.onChange(() => this.look());
    this.stopping = new AbortController();
    this.stopping.signal.addEventListener("abort", unwatch);
    this.look();
  }

  async stop(): Promise<void> {
    this.stopping?.abort();
    this.stopping = undefined;
    this.isOurs = false;
    clearTimeout(this.timer);
    await this.running;
    await Promise.allSettled(this.sending.values());
  }

  wake(at: number): void {
    const { clock } = this.appOf();
    const when = Math.min(at, clock.now() + LOOK_MS);
    if (!this.stopping || when >= this.due) return;
    clearTimeout(this.timer);
    this.due = when;
    this.timer = setTimeout(() => this.look(), Math.max(0, when - clock.now())).unref();
  }

  async send(delayId: string): Promise<void> {
    const app = this.appOf();
    await this.sending.get(delayId);
    const [event] = await getDelayedEvents(app.db, [delayId]);
    if (event && event.eventId !== null) return;
    if (!event || !(await takeDelayedEvent(app.db, delayId))) throw notFound("Delayed event not found");
    await this.track(event, () => this.sendNow(app, event));
  }

  private look(): void {
    clearTimeout(this.timer);
    this.due = Infinity;
    if (this.running) {
      this.again = true;
      return;
    }
    this.appOf().background("send_delayed_events", () => {
      this.running = this.run().finally(() => {
        this.running = undefined;
        if (this.again) this.look();
      });
      return this.running;
    });
  }

  private async run(): Promise<void> {
    const app = this.appOf();
    const had = this.isOurs;
    this.again = false;
    this.isOurs = this.stopping !== undefined && app.ownership.isMine(delayedEventsOwner);
    if (!this.isOurs) return;
    try {
      if (!had) await releaseOthers(app.db, [...this.sending.keys()]);
      const free = MAX_SENDING - this.sending.size;
      const taken = free > 0 ? await takeDue(app.db, app.clock.now(), free) : [];
      for (const event of await getDelayedEvents(app.db, taken)) void this.track(event, () => this.persist(app, event));
      this.isBehind = taken.length === free;
      const next = this.isBehind ? undefined : await nextDue(app.db);
      // Where nothing can be added there is nothing to look for.
      if (next !== undefined || app.config.max_event_delay_duration !== undefined) this.wake(next ?? Infinity);
    } catch (error) {
      // What was taken and is not on its way is released next time.
      this.isOurs = false;
      this.wake(Infinity);
      throw error;
    }
  }

  private track({ delayId, roomId }: DelayedEvent, work: () => Promise<void>): Promise<void> {
    const done = this.rooms.run(roomId, work).finally(() => {
      this.sending.delete(delayId);
      if (this.isBehind) this.look();
    });
    this.sending.set(delayId, done);
    return done;
  }

  /** Sends an event however often that takes, while it is ours to send. */
  private async persist(app: App, event: DelayedEvent): Promise<void> {
    while (this.isOurs && !(await deliverDue(app, event))) {
      await sleep(LOOK_MS, undefined, { ref: false, ...(this.stopping && { signal: this.stopping.signal }) }).catch(() => undefined);
    }
  }

  private async sendNow(app: App, event: DelayedEvent): Promise<void> {
    try {
      await deliver(app, event);
    } catch (error) {
      await releaseDelayedEvents(app.db, [event.delayId]);
      this.wake(event.sendTs);
      throw error;
    }
  }
}
