import { isServerName } from "../../config/checks";
import { createLimiter } from "../../lib/limiter";
import { waitAtMost } from "../../lib/waitAtMost";
import type { Logger } from "../../observe/logger";
import { FederationError } from "../../remote/federationErrors";
import { SENDER_DUTY, slotKey } from "../../remote/senderSlots";
import { moveMissed, noteMissed } from "../../storage/destinations";
import type { Missed, WaitingDestination } from "../../storage/destinations";
import type { Pending } from "./metrics";
import { DestinationQueue } from "./queue";
import type { CountingApp } from "./senderApp";
import { nextTransaction, transactionText } from "./transaction";
import type { Transaction } from "./transaction";

/** Transactions under way at once: to servers that answered last time, and to those that may be back. */
const MAX_LIVE = 300;
const MAX_REVIVING = 50;
const SWEEP_MS = 2_000;
/** A server that takes longer has what waits for it noted, so that it doesn't hold up the position of its slot. */
const SLOW_MS = 10_000;
/** How long the end of the process waits for transactions under way. */
const STOP_MS = 2_000;
/** What no repetition would make better: the transaction itself is refused. */
const HOPELESS: ReadonlySet<number> = new Set([400, 413, 422]);

/** The servers for which something waits, and the transactions to them: one at a time to each. */
export class Destinations {
  private readonly queues = new Map<string, DestinationQueue>();
  private readonly running = new Set<Promise<void>>();
  private readonly live = createLimiter(MAX_LIVE, Infinity);
  private readonly reviving = createLimiter(MAX_REVIVING, Infinity);
  private readonly log: Logger;
  private readonly timer: NodeJS.Timeout;
  /** Transaction ids never come twice, whatever restarts. */
  private readonly txnPrefix: string;
  private txns = 0;
  private stopping = false;
  private closed = false;

  /** sentTo: up to where the events stream has been given to the queues of a slot. */
  constructor(
    private readonly app: CountingApp,
    private readonly sentTo: (slot: number) => number,
  ) {
    this.log = app.log("synapse.federation.sender");
    this.txnPrefix = `${app.clock.now()}${app.random.letters(4)}`;
    this.timer = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** The queue of a server that we talk to and for which this process sends; undefined for others. */
  queueOf(name: string): DestinationQueue | undefined {
    const known = this.queues.get(name);
    if (known) return known;
    if (name === this.app.serverName || !isServerName(name) || !this.app.federation.allowed(name)) return undefined;
    const queue = new DestinationQueue(name);
    if (!this.isMine(queue)) return undefined;
    this.queues.set(name, queue);
    return queue;
  }

  /** As queueOf, for what is worthless later: only servers that are reachable, as far as is known. */
  reachable(name: string): DestinationQueue | undefined {
    const queue = this.queueOf(name);
    return queue?.isReachable(this.app.clock.now()) ? queue : undefined;
  }

  restore(waiting: WaitingDestination): void {
    const queue = this.queueOf(waiting.destination);
    queue?.restore(waiting);
    if (queue) this.wake(queue);
  }

  /** Another process sends to the servers of the slot from now on. */
  dropSlot(slot: number): void {
    for (const [name, queue] of this.queues) if (queue.slot === slot) this.queues.delete(name);
  }

  /** A server that was left alone is back. */
  back(name: string): void {
    const queue = this.queues.get(name);
    if (!queue) return;
    queue.retryAt = 0;
    this.wake(queue);
  }

  wake(queue: DestinationQueue): void {
    queue.again = true;
    if (queue.running || this.stopping || queue.retryAt > this.app.clock.now() || !queue.hasWork()) return;
    queue.running = true;
    const lane = queue.missedAfter === undefined ? this.live : this.reviving;
    this.app.background("federation_transaction_transmission_loop", () => {
      const run = lane.run(() => this.run(queue));
      this.running.add(run);
      return run.finally(() => this.running.delete(run));
    });
  }

  /** Notes in the database what servers have missed, those among them that are slow. */
  async note(): Promise<void> {
    const slow = this.app.clock.now() - SLOW_MS;
    const missed: (Missed & { readonly queue: DestinationQueue })[] = [];
    for (const queue of this.queues.values()) {
      const after = queue.clearing ? undefined : queue.uncovered();
      const oldest = queue.pdus[0]?.queuedTs ?? Infinity;
      if (after !== undefined && (queue.missedAfter !== undefined || oldest < slow)) missed.push({ queue, destination: queue.name, after });
    }
    await noteMissed(this.app.db, missed);
    for (const { queue, after } of missed) queue.notedAfter = Math.min(queue.notedAfter ?? Infinity, after);
  }

  /** By slot, the position up to which all that was given to the queues is with its servers, or noted; slots with nothing open are left out. */
  open(): Map<number, number> {
    const open = new Map<number, number>();
    for (const queue of this.queues.values()) {
      const done = queue.uncovered();
      if (done !== undefined) open.set(queue.slot, Math.min(open.get(queue.slot) ?? Infinity, done));
    }
    return open;
  }

  pending(): Pending {
    const queues = [...this.queues.values()].filter((queue) => queue.hasWork());
    const sum = (of: (queue: DestinationQueue) => number): number => queues.reduce((total, queue) => total + of(queue), 0);
    return { destinations: queues.length, pdus: sum(({ pdus }) => pdus.length), edus: sum((queue) => queue.pendingEdus()) };
  }

  /** Begins nothing new; waits for what is under way, but not for servers that don't answer. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await waitAtMost(Promise.all(this.running), STOP_MS).catch(() => undefined);
    this.closed = true;
  }

  private isMine({ slot }: DestinationQueue): boolean {
    return this.app.ownership.isMine(SENDER_DUTY, slotKey(slot));
  }

  /** One timer for all that sleep. */
  private sweep(): void {
    const now = this.app.clock.now();
    for (const [name, queue] of this.queues) {
      if (queue.isIdle(now)) this.queues.delete(name);
      else this.wake(queue);
    }
  }

  private async run(queue: DestinationQueue): Promise<void> {
    try {
      queue.retryAt = (await this.app.federation.backoff.retryAt(queue.name)) ?? 0;
      if (queue.retryAt > 0) return queue.fail();
      while (!this.stopping && this.isCurrent(queue)) {
        queue.again = false;
        const transaction = await nextTransaction(this.app, queue, this.sentTo(queue.slot));
        const isEmpty = transaction.pdus.length + transaction.edus.length === 0;
        const before = `${queue.missedAfter} ${queue.pdus.length}`;
        if (!isEmpty) await this.send(queue, transaction);
        if (this.closed) return;
        await transaction.taken();
        await this.settle(queue);
        if (isEmpty && !queue.again && before === `${queue.missedAfter} ${queue.pdus.length}`) return;
      }
    } catch (error) {
      await this.failed(queue, error);
    } finally {
      queue.running = false;
      if (queue.isIdle(this.app.clock.now()) && this.queues.get(queue.name) === queue) this.queues.delete(queue.name);
    }
  }

  private isCurrent(queue: DestinationQueue): boolean {
    return this.queues.get(queue.name) === queue && this.isMine(queue);
  }

  private async send(queue: DestinationQueue, transaction: Transaction): Promise<void> {
    const { federation, serverName, clock, sent } = this.app;
    const { pdus, edus } = transaction;
    const path = `/_matrix/federation/v1/send/${this.txnPrefix}${++this.txns}`;
    this.log.debug(() => `TX [${queue.name}] ${path}: ${pdus.length} PDUs, ${edus.length} EDUs`);
    try {
      await federation.client.put(queue.name, path, transactionText(serverName, clock.now(), transaction), { retries: "long" });
    } catch (error) {
      if (!(error instanceof FederationError) || !HOPELESS.has(error.status)) throw error;
      this.log.warn(`${queue.name} refuses a transaction of ${pdus.length} PDUs and ${edus.length} EDUs: ${error.message}`);
    }
    sent.transactions.value++;
    sent.edus.value += edus.length;
    for (const { type } of edus) sent.edusByType.cell(type).value++;
  }

  /** What the database says of the server is brought up to what it has. */
  private async settle(queue: DestinationQueue): Promise<void> {
    const { notedAfter, missedAfter, name } = queue;
    if (notedAfter === undefined || queue.pdus.length > 0 || !this.isCurrent(queue)) return;
    const fence = this.app.ownership.fence(SENDER_DUTY);
    if (missedAfter === undefined) {
      // From here on, what comes holds the position back until it is noted anew.
      queue.notedAfter = undefined;
      queue.clearing = true;
      await moveMissed(this.app.db, name, { from: notedAfter, to: undefined }, fence).finally(() => (queue.clearing = false));
    } else if (missedAfter > notedAfter) {
      await moveMissed(this.app.db, name, { from: notedAfter, to: missedAfter }, fence);
      queue.notedAfter = missedAfter;
    }
  }

  /** Refusals do not count against a server elsewhere; here it must not be asked all the time, in the next life of the process neither. */
  private async retryAt(name: string): Promise<number | undefined> {
    const { backoff } = this.app.federation;
    const known = await backoff.retryAt(name);
    if (known !== undefined) return known;
    await backoff.failed(name);
    return backoff.retryAt(name);
  }

  private async failed(queue: DestinationQueue, error: unknown): Promise<void> {
    const { clock, config } = this.app;
    if (this.closed) return;
    queue.fail();
    const later = clock.now() + config.federation.destination_min_retry_interval;
    queue.retryAt = (await this.retryAt(queue.name).catch(() => undefined)) ?? later;
    this.log.info(() => `TX [${queue.name}] is left alone for a while: ${error instanceof Error ? error.message : String(error)}`);
  }
}
