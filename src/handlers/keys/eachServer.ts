import { setTimeout as sleep } from "node:timers/promises";
import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import type { Clock } from "../../lib/clock";
import { failureOf } from "./remoteUsers";

/** Servers that one request has asked at a time. Those who are waited for in vain take up the places of others. */
const AT_A_TIME = 500;

export interface Asked<R> {
  readonly results: readonly R[];
  /** By server, as clients see them. */
  readonly failures: Readonly<Record<string, JsonObject>>;
}

/**
 * Asks servers beside each other, of however many a client would know something, for so long altogether: those whose turn has not come
 * by then are failures, as are those that do not answer. `ask` is told how many whole ms are left.
 */
export async function askEach<T, R>(
  clock: Pick<Clock, "monotonic">,
  servers: ReadonlyMap<string, T>,
  timeoutMs: number,
  ask: (server: string, item: T, leftMs: number) => Promise<R>,
): Promise<Asked<R>> {
  const results: R[] = [];
  const failures = new Map<string, JsonObject>();
  const deadline = clock.monotonic() + timeoutMs;
  const waiting = servers.entries();
  const ending = new AbortController();
  // Also whoever is still looked up by then, which has its own time: the client does not wait for it.
  const over = sleep(timeoutMs, undefined, { signal: ending.signal, ref: false }).then(() => {
    throw outOfTime();
  });
  over.catch(() => undefined);
  const work = async (): Promise<void> => {
    for (const [server, item] of waiting) {
      try {
        const leftMs = Math.ceil(deadline - clock.monotonic());
        if (leftMs <= 0) throw outOfTime();
        results.push(await Promise.race([ask(server, item, leftMs), over]));
      } catch (error) {
        failures.set(server, failureOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, servers.size) }, work)).finally(() => ending.abort());
  return { results, failures: Object.fromEntries(failures) };
}

const outOfTime = (): MatrixError => new MatrixError(503, "M_UNKNOWN", "This server did not answer in time");
