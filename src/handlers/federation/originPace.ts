import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../config/config";
import { limitExceeded } from "../../errors";
import type { Clock } from "../../lib/clock";
import { createLru } from "../../lib/lru";

/** Holds back servers that ask too much of this process (Synapse's `rc_federation`). */
export interface OriginPace {
  /**
   * Does what a server asks for: later where it asked for much within the window, and when few enough of its requests are worked on.
   * Throws 429 where too many of them wait.
   */
  run<T>(origin: string, work: () => Promise<T>): Promise<T>;
}

interface Asked {
  /** When, within the window. */
  times: number[];
  sleeping: number;
  running: number;
  readonly waiting: (() => void)[];
}

const MAX_SERVERS = 10_000;

export function createOriginPace({ config, clock }: { config: Pick<Config, "rc_federation">; clock: Clock }): OriginPace {
  const { window_size, sleep_limit, sleep_delay, reject_limit, concurrent } = config.rc_federation;
  const servers = createLru<string, Asked>(MAX_SERVERS);

  function askedBy(origin: string): Asked {
    const known = servers.get(origin);
    if (known) return known;
    const asked: Asked = { times: [], sleeping: 0, running: 0, waiting: [] };
    servers.set(origin, asked);
    return asked;
  }

  async function slow(asked: Asked): Promise<void> {
    asked.sleeping++;
    try {
      await sleep(sleep_delay);
    } finally {
      asked.sleeping--;
    }
  }

  return {
    async run(origin, work) {
      const asked = askedBy(origin);
      const now = clock.monotonic();
      if (asked.sleeping + asked.waiting.length > reject_limit) throw limitExceeded(Math.ceil(window_size / Math.max(1, sleep_limit)));
      asked.times = [...asked.times.filter((at) => now - at < window_size), now];
      if (asked.times.length > sleep_limit) await slow(asked);
      if (asked.running < concurrent) asked.running++;
      // whoever ends hands its place on
      else await new Promise<void>((resolve) => asked.waiting.push(resolve));
      try {
        return await work();
      } finally {
        const next = asked.waiting.shift();
        if (next) next();
        else asked.running--;
      }
    },
  };
}
