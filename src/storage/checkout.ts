import type { Clock } from "../lib/clock";
import type { Connection } from "./connection";
import { DatabaseUnavailableError } from "./databaseError";

/** A connection of the pool. `held` while somebody has it alone. */
export interface Slot {
  readonly connection: Connection;
  held: boolean;
  idleSince: number;
}

interface Waiter {
  readonly alone: boolean;
  readonly start: (slot: Slot) => void;
  readonly fail: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

interface CheckoutOptions {
  readonly clock: Pick<Clock, "monotonic">;
  readonly timeoutMs: number;
  /** Called when somebody finds no idle connection. */
  readonly grow: () => void;
  /** Why there may be no connection at all, for the message of a timeout. */
  readonly lastFailure: () => Error | undefined;
}

/** Statements that share a connection queue up in the server, so few may. */
const SHARE_DEPTH = 8;
/** Nobody joins a connection whose current statement has run for this long (a lock, a bad plan): it may take longer still. */
const SHARE_AGE_MS = 20;
const MAX_WAITING = 20_000;

/**
 * Hands out the connections of a pool, first come first served. Whoever needs one alone waits for an idle one. A short
 * statement may join others on a connection that nobody holds, while nobody waits: that keeps few connections busy.
 */
export class Checkout {
  readonly slots = new Set<Slot>();
  private readonly waiting = new Set<Waiter>();
  private refusal: Error | undefined;

  constructor(private readonly options: CheckoutOptions) {}

  stats(): { open: number; busy: number; waiting: number } {
    let busy = 0;
    for (const slot of this.slots) if (slot.held || slot.connection.inFlight > 0) busy++;
    return { open: this.slots.size, busy, waiting: this.waiting.size };
  }

  get waitingCount(): number {
    return this.waiting.size;
  }

  /** Calls work with a connection, at once when there is one: then the statement is on its way when this returns. */
  use<T>(alone: boolean, work: (slot: Slot) => Promise<T>): Promise<T> {
    if (this.refusal) return Promise.reject(this.refusal);
    const slot = this.waiting.size === 0 ? this.choose(alone) : undefined;
    if (slot) return this.occupy(slot, alone, work);
    this.options.grow();
    if (this.waiting.size >= MAX_WAITING) {
      return Promise.reject(new DatabaseUnavailableError("too many queries wait for a database connection", "no"));
    }
    return new Promise<T>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(waiter.timer);
        this.waiting.delete(waiter);
        reject(error);
      };
      const waiter: Waiter = {
        alone,
        start: (granted) => resolve(this.occupy(granted, alone, work)),
        fail,
        timer: setTimeout(() => fail(this.timeout()), this.options.timeoutMs),
      };
      this.waiting.add(waiter);
    });
  }

  add(connection: Connection): void {
    this.slots.add({ connection, held: false, idleSince: this.options.clock.monotonic() });
    this.dispatch();
  }

  remove(connection: Connection): void {
    for (const slot of this.slots) if (slot.connection === connection) this.slots.delete(slot);
  }

  failAll(error: Error): void {
    for (const waiter of this.waiting) waiter.fail(error);
  }

  /** Refuses whoever waits and whoever comes. */
  close(): void {
    this.refusal = new DatabaseUnavailableError("the database pool is closed", "no");
    this.failAll(this.refusal);
  }

  private occupy<T>(slot: Slot, alone: boolean, work: (slot: Slot) => Promise<T>): Promise<T> {
    if (alone) slot.held = true;
    const result = work(slot);
    const release = (): void => {
      if (alone) slot.held = false;
      if (slot.connection.inFlight === 0) slot.idleSince = this.options.clock.monotonic();
      if (this.waiting.size > 0) this.dispatch();
    };
    result.then(release, release);
    return result;
  }

  private choose(alone: boolean): Slot | undefined {
    let best: Slot | undefined;
    let now: number | undefined;
    for (const slot of this.slots) {
      if (slot.held) continue;
      const { inFlight, headSince } = slot.connection;
      if (inFlight === 0) return slot;
      if (alone || inFlight >= SHARE_DEPTH || (best && inFlight >= best.connection.inFlight)) continue;
      now ??= this.options.clock.monotonic();
      if (now - headSince < SHARE_AGE_MS) best = slot;
    }
    if (best) this.options.grow();
    return best;
  }

  private dispatch(): void {
    for (const waiter of this.waiting) {
      const slot = this.choose(waiter.alone);
      if (!slot) return;
      this.waiting.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.start(slot);
    }
  }

  private timeout(): Error {
    const failure = this.options.lastFailure();
    const seconds = this.options.timeoutMs / 1000;
    if (failure) return new DatabaseUnavailableError(failure.message, "no", false, failure);
    const count = this.slots.size;
    const hint = "too few connections, slow statements, or the pool used inside of a transaction";
    return new DatabaseUnavailableError(`no database connection (of ${count}) became free within ${seconds} s: ${hint}`, "no");
  }
}
