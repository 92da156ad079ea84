import type { Clock } from "../../../src/lib/clock";
import type { Random } from "../../../src/lib/random";
import { seeded } from "../../builders/seeded";
import type { Seeded } from "../../builders/seeded";

/** A process of the simulation: what happens to it waits while it is frozen, and never happens once it is dead. */
export interface Actor {
  readonly name: string;
  frozen: boolean;
  dead: boolean;
}

interface Happening {
  at: number;
  number: number;
  readonly actor: Actor | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** Stands in for a timer of Node. */
class VirtualTimer {
  constructor(readonly cancel: () => void) {}
  unref(): this {
    return this;
  }
}

const afterMicrotasks = globalThis.setImmediate;

/**
 * A world with a clock of its own in which everything happens one after another, in an order that the seed decides. Code that runs in
 * it uses the timers of Node as ever; between any two happenings all promises are settled.
 */
export class Simulation {
  readonly random: Seeded;
  private time = 0;
  private numbers = 0;
  private queue: Happening[] = [];
  private waiting: Happening[] = [];
  private current: Actor | undefined;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  get now(): number {
    return this.time;
  }

  clock(): Clock {
    return { now: () => 1_700_000_000_000 + this.time, monotonic: () => this.time };
  }

  letters(): Random {
    const string = (length: number, alphabet: string): string =>
      Array.from({ length }, () => alphabet[this.random.below(alphabet.length)]).join("");
    return {
      bytes: (length) => Buffer.from(string(length, "abcdef")),
      letters: (length) => string(length, "abcdefghijklmnopqrstuvwxyz"),
      string,
      uuid: () => string(16, "0123456789abcdef"),
      fraction: () => this.random.fraction(),
    };
  }

  /** Has something happen to an actor, or to nobody in particular, after a time. */
  after(ms: number, actor: Actor | undefined, run: () => void): () => void {
    const happening: Happening = { at: this.time + Math.max(0, ms), number: this.numbers++, actor, run, cancelled: false };
    this.insert(happening);
    return () => void (happening.cancelled = true);
  }

  /** Runs fn now as something that the actor does: timers that it sets are the actor's. */
  as<T>(actor: Actor, fn: () => T): T {
    const before = this.current;
    this.current = actor;
    try {
      return fn();
    } finally {
      this.current = before;
    }
  }

  /** What was due meanwhile happens now. */
  thaw(actor: Actor): void {
    actor.frozen = false;
    const due = this.waiting.filter((one) => one.actor === actor);
    this.waiting = this.waiting.filter((one) => one.actor !== actor);
    for (const one of due) this.insert(Object.assign(one, { at: this.time, number: this.numbers++ }));
  }

  /** Lets time pass until nothing is left to happen before a moment, or a condition holds. */
  async run(until: number, done: () => boolean = () => false): Promise<void> {
    while (!done()) {
      const next = this.queue[0];
      if (!next || next.at > until) {
        this.time = Math.max(this.time, until);
        return;
      }
      this.queue.shift();
      this.time = Math.max(this.time, next.at);
      await this.happen(next);
    }
  }

  /** Puts virtual timers in the place of Node's while fn runs. */
  async withTimers<T>(fn: () => Promise<T>): Promise<T> {
    const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = globalThis;
    const later = (run: () => void, ms = 0): VirtualTimer => new VirtualTimer(this.after(Math.max(ms, 1), this.current, run));
    const again = (run: () => void, ms = 0): VirtualTimer => {
      let stopped = false;
      const actor = this.current;
      const turn = (): void => {
        if (stopped) return;
        run();
        this.after(ms, actor, turn);
      };
      this.after(ms, actor, turn);
      return new VirtualTimer(() => void (stopped = true));
    };
    const cancel = (timer: VirtualTimer | undefined): void => timer?.cancel();
    Object.assign(globalThis, { setTimeout: later, clearTimeout: cancel, setInterval: again, clearInterval: cancel });
    Object.assign(globalThis, { setImmediate: (run: () => void) => new VirtualTimer(this.after(0, this.current, run)) });
    try {
      return await fn();
    } finally {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate });
    }
  }

  private async happen(happening: Happening): Promise<void> {
    const { actor } = happening;
    if (happening.cancelled || actor?.dead) return;
    if (actor?.frozen) return void this.waiting.push(happening);
    this.current = actor;
    happening.run();
    // everything that follows from it without the passing of time is the actor's too
    await new Promise((resolve) => afterMicrotasks(resolve));
    this.current = undefined;
  }

  private insert(happening: Happening): void {
    let [low, high] = [0, this.queue.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.queue[middle] as Happening;
      if (other.at < happening.at || (other.at === happening.at && other.number < happening.number)) low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, happening);
  }
}
