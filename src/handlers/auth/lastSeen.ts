import type { Clock } from "../../lib/clock";
import { createLru } from "../../lib/lru";
import type { CachedToken } from "../../caches/accessTokens";
import type { Database } from "../../storage/db";
import { recordSeen } from "../../storage/lastSeen";
import type { SeenRow } from "../../storage/lastSeen";

/** How often the same device at the same address is noted. */
const NOTE_EVERY_MS = 120_000;
const FLUSH_EVERY_MS = 5_000;
/** Notes kept between two flushes; what goes beyond is lost, and noted again two minutes later. */
const MAX_PENDING = 20_000;
const MAX_USER_AGENT = 256;

export interface LastSeen {
  /** Notes where a request came from, in memory. */
  note(
    from: { readonly userId: string; readonly deviceId: string | undefined; readonly ip: string; readonly userAgent: string },
    cached?: CachedToken,
  ): void;
  /** Writes what was noted. */
  flush(): Promise<void>;
  start(): void;
  /** Writes the rest and ends. */
  stop(): Promise<void>;
}

/** Where devices were last seen: noted in memory and written in batches, so that no request waits for it. */
export function createLastSeen(options: {
  readonly db: Database;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): LastSeen {
  const { db, clock, onError } = options;
  const noted = createLru<string, number>(50_000);
  let pending = new Map<string, SeenRow>();
  let timer: NodeJS.Timeout | undefined;

  async function flush(): Promise<void> {
    if (pending.size === 0) return;
    const rows = [...pending.values()];
    pending = new Map();
    await recordSeen(db, rows);
  }

  return {
    note({ userId, deviceId = "", ip, userAgent }, cached) {
      const now = clock.now();
      if (cached) {
        if (cached.seenIp === ip && now - cached.seenTs < NOTE_EVERY_MS) return;
        cached.seenIp = ip;
        cached.seenTs = now;
      }
      const key = `${userId} ${deviceId} ${ip}`;
      if (now - (noted.get(key) ?? 0) < NOTE_EVERY_MS || pending.size >= MAX_PENDING) return;
      noted.set(key, now);
      pending.set(key, { userId, deviceId, ip, userAgent: userAgent.slice(0, MAX_USER_AGENT).replaceAll("\0", ""), lastSeenTs: now });
    },
    flush,
    start() {
      timer = setInterval(() => void flush().catch(onError), FLUSH_EVERY_MS).unref();
    },
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}
