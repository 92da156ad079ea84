import type { Clock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import type { Checkout } from "./checkout";
import { openConnection, type Connection } from "./connection";
import type { DatabaseUnavailableError } from "./databaseError";
import { describeDatabase, type FullOptions } from "./databaseOptions";

export interface SupplyHooks {
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Pick<Logger, "debug" | "info" | "warn">;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2_000;
const WATCH_MS = 2_000;
/** Surplus connections are closed after this time without use: each is a process with memory of its own in the server. */
const IDLE_MS = 300_000;
/** A statement that outlives the server's own limit by this much has lost its server, and nothing else would ever notice. */
const GRACE_MS = 10_000;

/** Keeps a checkout supplied with connections: opens them on demand, replaces lost ones, closes those not needed. */
export class Supply {
  lastFailure: DatabaseUnavailableError | undefined;
  private opening = 0;
  private closing = false;
  private retry: NodeJS.Timeout | undefined;
  private retryMs = RETRY_FIRST_MS;
  private readonly watcher = setInterval(() => this.watch(), WATCH_MS).unref();

  constructor(
    private readonly options: FullOptions,
    private readonly hooks: SupplyHooks,
    private readonly checkout: Checkout,
  ) {}

  /** Starts to open one more connection if there may be one more, and if those being opened are fewer than those who wait. */
  grow(): void {
    const count = this.checkout.slots.size + this.opening;
    if (this.closing || this.retry || count >= this.options.max) return;
    if (count >= this.options.min && this.opening > 0 && this.opening >= this.checkout.waitingCount) return;
    this.opening++;
    openConnection(this.options, { ...this.hooks, onClose: (connection) => this.lost(connection) }).then(
      (connection) => this.opened(connection),
      (error: DatabaseUnavailableError) => this.failed(error),
    );
  }

  /** Opens what is missing up to the minimum, and one for whoever waits. */
  fill(): void {
    for (let missing = this.options.min - this.checkout.slots.size - this.opening; missing > 0; missing--) this.grow();
    if (this.checkout.waitingCount > 0) this.grow();
  }

  /** Lets running statements finish for a while, then cuts them off. */
  async close(patienceMs: number): Promise<void> {
    this.closing = true;
    clearTimeout(this.retry);
    clearInterval(this.watcher);
    this.checkout.close();
    const deadline = this.hooks.clock.monotonic() + patienceMs;
    const busy = (): boolean => [...this.checkout.slots].some((slot) => slot.held || slot.connection.inFlight > 0);
    while (busy() && this.hooks.clock.monotonic() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    await Promise.all([...this.checkout.slots].map((slot) => slot.connection.close()));
  }

  private opened(connection: Connection): void {
    this.opening--;
    if (this.closing) return void connection.close();
    if (this.lastFailure) this.hooks.log.info(`connected to the database again: ${describeDatabase(this.options)}`);
    this.lastFailure = undefined;
    this.retryMs = RETRY_FIRST_MS;
    if (connection.isOpen) this.checkout.add(connection);
    this.fill();
  }

  private failed(error: DatabaseUnavailableError): void {
    this.opening--;
    if (this.closing) return;
    if (!this.lastFailure) this.hooks.log.warn(error.message);
    this.lastFailure = error;
    if (error.permanent) this.checkout.failAll(error);
    if (this.retry) return;
    this.retry = setTimeout(() => {
      this.retry = undefined;
      this.fill();
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }

  private lost(connection: Connection): void {
    this.checkout.remove(connection);
    if (!this.closing) setImmediate(() => this.fill());
  }

  private watch(): void {
    const { statementTimeoutMs, min } = this.options;
    const now = this.hooks.clock.monotonic();
    let surplus = this.checkout.slots.size - min;
    // The first ones are chosen first, so it is the last ones that stay idle.
    for (const { connection, held, idleSince } of [...this.checkout.slots].reverse()) {
      const running = connection.inFlight > 0;
      const frozen = running && statementTimeoutMs > 0 && now - connection.headSince > statementTimeoutMs + GRACE_MS;
      const unused = !held && !running && now - idleSince > IDLE_MS && surplus-- > 0;
      if (frozen) this.hooks.log.warn("the database server does not answer: a connection to it is given up");
      if (!frozen && !unused) continue;
      this.checkout.remove(connection);
      void connection.close();
    }
  }
}
