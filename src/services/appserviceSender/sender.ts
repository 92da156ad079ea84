import type { App } from "../../handlers/app";
import { messageOf } from "../../replication/log";
import { completeTransaction, loadAppserviceSender, markDown, storeTransaction } from "../../storage/appserviceSenders";
import type { Db } from "../../storage/db";
import { consumerPositions, saveConsumerPositions } from "../../storage/streamConsumers";
import { collect } from "./collect";
import type { Places, Source } from "./collect";
import type { SenderMetrics } from "./metrics";
import { createPause } from "../pause";

export type SenderApp = Pick<App, "appservices" | "caches" | "clock" | "config" | "db" | "keys" | "log" | "turns" | "ownership">;

/** The doubled seconds of Synapse: 2 at first, at most 2^9, some eight minutes. */
const MAX_DOUBLINGS = 9;
/** After something else went wrong than the service: the database was away. */
const TROUBLE_MS = 1_000;
/** Places are stored with each transaction, and without one when a service has come so far past what doesn't concern it. */
const SAVE_EVERY = 1_000;

interface Pending {
  readonly txnId: number;
  readonly body: string;
}

/**
 * Sends to one application service what concerns it: transactions in order, one at a time, each stored together with the places
 * that it covers before it is sent, and sent until it is taken. So nothing is lost whichever side goes down, and what comes twice
 * comes under the same id.
 */
export class ServiceSender {
  private readonly pause = createPause();
  private readonly stopped = new AbortController();
  private txnId = 0;
  private pending: Pending | undefined;
  private places: Places = { events: 0, receipts: 0, to_device: 0, device_lists: 0 };
  private saved = 0;
  private failures = 0;
  private hasNews = true;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly app: SenderApp,
    private readonly source: Source,
    private readonly metrics: SenderMetrics,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Resolves when nothing is being sent any more. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.pause.close();
    await this.running;
  }

  /** Something may concern the service. */
  news(): void {
    this.hasNews = true;
    if (this.failures === 0) this.pause.end();
  }

  /** The service has been heard of: no need to wait any longer. */
  retry(): void {
    this.failures = 0;
    this.pause.end();
  }

  get isUp(): boolean {
    return this.failures === 0;
  }

  private async run(): Promise<void> {
    const log = this.app.log("synapse.appservice.scheduler");
    let isLoaded = false;
    while (!this.stopped.signal.aborted) {
      try {
        if (!isLoaded) await this.load();
        isLoaded = true;
        await this.step();
      } catch (error) {
        log.error(`cannot go on sending to application service ${this.source.service.id}`, { error });
        isLoaded = false;
        await this.pause.wait(TROUBLE_MS);
      }
    }
    await this.save().catch(() => undefined);
  }

  private get consumer(): string {
    return `appservice ${this.source.service.id}`;
  }

  private savePlaces(db: Db, places: Places): Promise<void> {
    const positions = Object.entries(places).map(([stream, position]: [string, number]) => ({ name: this.consumer, stream, position }));
    return saveConsumerPositions(db, positions);
  }

  /** A service that is new hears of what happens from now on. */
  private async load(): Promise<void> {
    const { db } = this.app;
    const { feeds, service } = this.source;
    const heads = {
      events: feeds.events.head(),
      receipts: feeds.receipts.head(),
      to_device: feeds.toDevice.head(),
      device_lists: feeds.deviceLists.head(),
    };
    const [state, rows] = await Promise.all([loadAppserviceSender(db, service.id), consumerPositions(db, [this.consumer])]);
    const stored = new Map(rows.map(({ stream, position }) => [stream, position]));
    this.txnId = state.txnId;
    this.pending = state.pending === null ? undefined : { txnId: state.txnId, body: state.pending };
    this.failures = this.pending !== undefined && state.downSinceTs !== null ? Math.max(1, this.failures) : 0;
    this.places = {
      events: stored.get("events") ?? heads.events,
      receipts: stored.get("receipts") ?? heads.receipts,
      to_device: stored.get("to_device") ?? heads.to_device,
      device_lists: stored.get("device_lists") ?? heads.device_lists,
    };
    if (stored.size < Object.keys(this.places).length) await this.savePlaces(db, this.places);
    this.saved = this.places.events;
    this.hasNews = true;
  }

  private async step(): Promise<void> {
    if (this.pending) return this.deliver(this.pending);
    if (!this.hasNews) return this.pause.wait();
    this.hasNews = false;
    const { body, events, places, more } = await collect(this.app, this.source, this.places);
    if (body !== undefined) await this.keep(body, places);
    else if (places.events - this.saved >= SAVE_EVERY) await this.save(places);
    this.places = places;
    this.hasNews ||= more;
    this.metrics.collected(events, places.events);
  }

  private async keep(body: string, places: Places): Promise<void> {
    const { service } = this.source;
    const txnId = this.txnId + 1;
    const isOurs = await this.app.db.tx(async (tx) => {
      if (!(await storeTransaction(tx, service.id, txnId, body))) return false;
      await this.savePlaces(tx, places);
      return true;
    });
    if (!isOurs) throw new Error("another process has sent meanwhile");
    this.txnId = txnId;
    this.pending = { txnId, body };
    this.saved = places.events;
  }

  private async save(places: Places = this.places): Promise<void> {
    if (places.events === this.saved) return;
    await this.savePlaces(this.app.db, places);
    this.saved = places.events;
  }

  private async deliver(pending: Pending): Promise<void> {
    const { txnId } = pending;
    const { service, passing } = this.source;
    const { appservices, clock, db, log, ownership } = this.app;
    if (!ownership.isMine("appservice_sender", service.id)) return this.pause.wait(TROUBLE_MS);
    try {
      await appservices.client.send(service, pending, this.stopped.signal);
    } catch (error) {
      if (this.stopped.signal.aborted) return;
      this.metrics.failed(service.id);
      if (this.failures++ === 0) await markDown(db, service.id, clock.now());
      passing.typing.clear();
      passing.presence.clear();
      const seconds = 2 ** Math.min(this.failures, MAX_DOUBLINGS);
      log("synapse.appservice.scheduler").warn(
        `application service ${service.id} did not take transaction ${txnId}, again in ${seconds} s: ${messageOf(error)}`,
      );
      return this.pause.wait(seconds * 1_000);
    }
    await completeTransaction(db, service.id, txnId);
    this.metrics.sent(service.id);
    this.failures = 0;
    this.pending = undefined;
  }
}
