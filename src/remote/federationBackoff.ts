import { LRUCache } from "lru-cache";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { Db } from "../storage/db";
import { clearRetryState, getRetryState, putRetryState } from "../storage/destinations";
import type { RetryState } from "../storage/destinations";
import type { Backoff } from "./federation";

export interface BackoffDeps {
  readonly config: Pick<Config, "federation">;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Pick<Random, "fraction">;
}

const MAX_SERVERS = 10_000;
/** Other processes find out that a server is back, too. */
const REMEMBERED_MS = 30_000;

/** Leaves servers alone that do not answer, longer each time. Kept in the database, for all processes and the next start. */
export function createBackoff({ config, db, clock, random }: BackoffDeps): Backoff {
  const {
    destination_min_retry_interval: first,
    destination_retry_multiplier: factor,
    destination_max_retry_interval: longest,
  } = config.federation;
  // Null: the server answers.
  const known = new LRUCache<string, { readonly state: RetryState | null; readonly readAt: number }>({ max: MAX_SERVERS });
  const listeners: ((destination: string) => void)[] = [];
  const remember = (destination: string, state: RetryState | null): void => void known.set(destination, { state, readAt: clock.now() });

  async function stateOf(destination: string): Promise<RetryState | null> {
    const entry = known.get(destination);
    if (entry && clock.now() - entry.readAt < REMEMBERED_MS) return entry.state;
    const state = (await getRetryState(db, destination)) ?? null;
    remember(destination, state);
    return state;
  }

  return {
    async retryAt(destination) {
      const state = await stateOf(destination);
      const at = state ? state.retryLastTs + state.retryInterval : 0;
      return at > clock.now() ? at : undefined;
    },
    async failed(destination) {
      const state = await stateOf(destination);
      const now = clock.now();
      // Requests that were under way together fail together, and count once.
      if (state && state.retryLastTs + state.retryInterval > now) return;
      const spread = 0.8 + 0.6 * random.fraction();
      const retryInterval = Math.round(state ? Math.min(state.retryInterval * factor * spread, longest) : Math.min(first, longest));
      const next = { failingSince: state?.failingSince ?? now, retryLastTs: now, retryInterval };
      remember(destination, next);
      await putRetryState(db, destination, next);
    },
    async alive(destination) {
      if ((await stateOf(destination)) === null) return;
      remember(destination, null);
      await clearRetryState(db, destination);
      for (const fn of listeners) fn(destination);
    },
    back(destination) {
      known.delete(destination);
      for (const fn of listeners) fn(destination);
    },
    onBack: (fn) => void listeners.push(fn),
  };
}
