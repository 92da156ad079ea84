import { createSubscriptions } from "./bus";
import type { Bus } from "./bus";

/** What somebody may begin with at once. */
export type Hint = "admin_tasks" | "partial_joins";

/**
 * Tells whoever has a duty that there is something to do, whether or not calls can reach that process. Who misses it finds the work by
 * himself, a little later.
 */
export interface Hints {
  /** To every process, this one included. Give it after the commit of what it tells of. */
  give(hint: Hint): void;
  /** `fn` looks itself whether the work is its own. */
  heed(hint: Hint, fn: () => void): void;
}

export interface HintsOptions {
  readonly bus: Pick<Bus, "publish" | "subscribe">;
  /** Before the name of a hint. */
  readonly channelPrefix: string;
  readonly onError: (error: unknown) => void;
}

/** Its subscriptions last as long as the bus. */
export function createHints({ bus, channelPrefix, onError }: HintsOptions): Hints {
  const here = createSubscriptions(onError);
  return {
    give(hint) {
      bus.publish(channelPrefix + hint, "");
      here.deliver(hint, "");
    },
    heed(hint, fn) {
      here.add(hint, fn);
      bus.subscribe(channelPrefix + hint, fn);
    },
  };
}
