import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../replication/log";
import { SENDER_DUTY, SLOTS, consumerName, slotKey, slotOf } from "../../remote/senderSlots";
import { waitingDestinations } from "../../storage/destinations";
import { consumerPositions, saveConsumerPositions } from "../../storage/streamConsumers";
import { deviceListsStream } from "../../streams/deviceLists";
import { eventsStream } from "../../streams/events";
import { Destinations } from "./destinations";
import { DeviceReader } from "./deviceReader";
import { Ephemeral } from "./ephemeral";
import { EventReader } from "./eventReader";
import { createSenderMetrics, exposePending } from "./metrics";
import type { CountingApp, SenderApp } from "./senderApp";

const SAVE_MS = 1_000;
/** After so many of these times a position is stored that nothing of concern lies behind: whoever takes over has that much to look through. */
const SAVE_ANYWAY = 10;
const RETRY_MS = 1_000;
const allSlots = Array.from({ length: SLOTS }, (_, slot) => slot);

/**
 * Sends what happens here to other servers (server-server API, "Transactions", "EDUs"). Of several processes that do it each has the
 * servers of some slots. Everything up to the stored position of a slot is with its servers, or noted for them; what comes after it is
 * read from the streams again when a process dies, so that a server may get an event twice but misses none.
 */
export function startFederationSender(app: SenderApp): { stop(): Promise<void> } {
  return new FederationSender({ ...app, sent: createSenderMetrics(app.metrics) });
}

class FederationSender {
  private readonly destinations: Destinations;
  private readonly events: EventReader;
  private readonly devices: DeviceReader;
  private readonly ephemeral: Ephemeral;
  private readonly stops: (() => void)[];
  private readonly saved = new Map<number, number>();
  private reconciling: Promise<void> = Promise.resolve();
  private saving: Promise<void> | undefined;
  private unsaved = 0;
  private stopping = false;

  constructor(private readonly app: CountingApp) {
    const readEvents = this.loop("federation_sender_events", () => this.events.read());
    const readDevices = this.loop("federation_sender_devices", () => this.devices.read());
    this.events = new EventReader(app, () => this.destinations, readEvents);
    this.devices = new DeviceReader(app, () => this.destinations, readDevices);
    this.destinations = new Destinations(app, (slot) => this.events.slots.of(slot));
    this.ephemeral = new Ephemeral(app, this.destinations);
    const reconcile = (): void => {
      this.reconciling = this.reconciling.then(() => this.reconcile()).then(() => (readEvents(), readDevices()));
    };
    const timer = setInterval(() => this.save(), SAVE_MS).unref();
    app.federation.backoff.onBack((name) => this.destinations.back(name));
    this.stops = [() => clearInterval(timer), app.ownership.onChange(reconcile)];
    exposePending(app.metrics, { pending: () => this.destinations.pending(), position: () => this.events.slots.lowest() });
    reconcile();
  }

  /** What is under way may still arrive; what does not is sent by whoever comes next. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const stop of this.stops) stop();
    this.events.stop();
    this.devices.stop();
    this.ephemeral.stop();
    await Promise.all([this.reconciling, this.saving]);
    await this.destinations.stop();
    await this.saveNow().catch((error: unknown) => this.warn("save its position", error));
  }

  /** Runs `read` until it has nothing more to do, each time that there is news; once at a time. */
  private loop(name: string, read: () => Promise<boolean>): () => void {
    let running = false;
    let again = false;
    return () => {
      again = true;
      if (running || this.stopping) return;
      running = true;
      this.app.background(name, async () => {
        while (again && !this.stopping) {
          again = false;
          try {
            while (!this.stopping && (await read()));
          } catch (error) {
            again = true;
            this.warn("read a stream", error);
            await sleep(RETRY_MS, undefined, { ref: false });
          }
        }
        running = false;
      });
    };
  }

  /** Takes over slots that are ours now, with what waits for their servers, and lets go of others. */
  private async reconcile(): Promise<void> {
    while (!this.stopping) {
      const { ownership } = this.app;
      const slots = this.events.slots;
      for (const slot of slots.slots().filter((one) => !ownership.isMine(SENDER_DUTY, slotKey(one)))) this.lose(slot);
      const gained = allSlots.filter((slot) => !slots.has(slot) && ownership.isMine(SENDER_DUTY, slotKey(slot)));
      if (gained.length === 0) return;
      try {
        return await this.gain(gained);
      } catch (error) {
        this.warn("take over servers", error);
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  private lose(slot: number): void {
    this.events.slots.lose(slot);
    this.devices.slots.lose(slot);
    this.destinations.dropSlot(slot);
    this.saved.delete(slot);
  }

  private async gain(slots: readonly number[]): Promise<void> {
    const { db } = this.app;
    // Positions first: what is noted after they were read is read again.
    const positions = await consumerPositions(db, slots.map(consumerName));
    const waiting = await waitingDestinations(db);
    const of = (slot: number, stream: string): number =>
      positions.find((row) => row.name === consumerName(slot) && row.stream === stream)?.position ?? 0;
    for (const slot of slots) {
      this.events.gain(slot, of(slot, eventsStream.name));
      this.devices.slots.gain(slot, of(slot, deviceListsStream.name));
    }
    const ours = new Set(slots);
    for (const row of waiting) if (ours.has(slotOf(row.destination))) this.destinations.restore(row);
  }

  private save(): void {
    if (this.saving) return;
    const isOfConcern = this.events.relevantTo > Math.min(...this.saved.values()) || this.saved.size < this.events.slots.slots().length;
    if (!isOfConcern && ++this.unsaved < SAVE_ANYWAY) return;
    this.unsaved = 0;
    this.saving = this.saveNow()
      .catch((error: unknown) => this.warn("save its position", error))
      .finally(() => (this.saving = undefined));
  }

  private async saveNow(): Promise<void> {
    await this.destinations.note();
    const open = this.destinations.open();
    const moved = this.events.slots
      .slots()
      .map((slot) => ({ slot, position: Math.min(this.events.slots.of(slot), open.get(slot) ?? Infinity) }))
      .filter(({ slot, position }) => position > (this.saved.get(slot) ?? -1));
    const rows = moved.map(({ slot, position }) => ({ name: consumerName(slot), stream: eventsStream.name, position }));
    await saveConsumerPositions(this.app.db, rows);
    for (const { slot, position } of moved) this.saved.set(slot, position);
  }

  private warn(what: string, error: unknown): void {
    this.app.log("synapse.federation.sender").warn(`the federation sender cannot ${what}`, { error: messageOf(error) });
  }
}
