import type { Bus } from "./bus";
import type { Positions, Streams } from "./streams";

/** How long a request is held up for news that does not come: then it is answered with what is known. */
const MAX_WAIT_MS = 1_000;

/** Waits for what the bus never refuses, and for no longer than a request may be held up. */
export function inTime(promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, MAX_WAIT_MS).unref();
    void promise.then(() => {
      clearTimeout(late);
      resolve();
    });
  });
}

/**
 * Lets whoever wrote at one process read it at any other at once. The bus hands every message on before its writer's request is answered,
 * so that it lies at each process before a later request can get there; and that process takes in what lies there before it begins.
 * No request asks another process for this.
 */
export interface Freshness {
  /** Before a request is handled: resolves when what was told before it came is known here. */
  listened(): Promise<void>;
  /** Before a request that may have written is answered: resolves when all that this process wrote can be read here, and lies at the others. */
  readonly told: () => Promise<void>;
}

/** Undefined in a process that is alone. */
export function createFreshness(streams: Pick<Streams, "unsettled" | "missing" | "waitFor">, bus: Bus): Freshness | undefined {
  if (!bus.shared) return undefined;
  const reach = async (positions: Positions | undefined): Promise<void> => {
    if (positions) await streams.waitFor(positions, MAX_WAIT_MS);
  };
  return {
    async listened() {
      // Messages that lie in the socket are read in this turn of the event loop, in whichever order the sockets come; it is over then. If
      // none were to be read, they are in the next one.
      if (bus.rouse?.()) await new Promise(setImmediate);
      await new Promise(setImmediate);
      await reach(streams.missing());
    },
    async told() {
      await reach(streams.unsettled());
      await inTime(bus.delivered());
    },
  };
}
