import type { Clock } from "../lib/clock";
import { inTime } from "./freshness";
import type { PacedBus } from "./pacedBus";

export interface AttentionOptions {
  /** Absent in a process that is alone, which always knows all. */
  readonly bus: Pick<PacedBus, "quicken" | "slacken"> | undefined;
  readonly clock: Pick<Clock, "monotonic">;
  /** Whether somebody waits here for news. */
  readonly isAwaited: () => boolean;
  /** Learns what the others have written up to now. Must not reject. */
  readonly catchUp: () => Promise<void>;
}

/** How closely this process follows what the others write. */
export interface Attention {
  /** Somebody is about to ask this process something. Undefined where it knows all that can be known, else resolves when it does. */
  pay(): Promise<void> | undefined;
  close(): void;
}

/** After this time without a request, and with nobody waiting for news, following closely is wasted. */
const LINGER_MS = 10_000;

/** A process without requests hears of the streams in digests, and closely again before it serves the next one. */
export function createAttention({ bus, clock, isAwaited, catchUp }: AttentionOptions): Attention {
  let usedAt = clock.monotonic();
  let rising: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClose = true;

  const watch = (): void => {
    timer = setTimeout(() => {
      if (isAwaited() || clock.monotonic() - usedAt < LINGER_MS) return watch();
      isClose = false;
      bus?.slacken();
    }, LINGER_MS).unref();
  };
  const rise = async (): Promise<void> => {
    // As long as Redis is frozen there is no telling when: requests go on with what the database has.
    if (bus) await inTime(bus.quicken());
    await catchUp();
    isClose = true;
    rising = undefined;
    watch();
  };
  if (bus) watch();
  return {
    pay() {
      if (!bus) return undefined;
      usedAt = clock.monotonic();
      return isClose ? undefined : (rising ??= rise());
    },
    close: () => clearTimeout(timer),
  };
}
