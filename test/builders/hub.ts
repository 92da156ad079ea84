import { createSubscriptions } from "../../src/replication/bus";
import type { Bus } from "../../src/replication/bus";

/** A bus between several "processes" in one, which can lose messages. Stands in for Redis in unit tests. */
export function createHub() {
  const endpoints = new Set<{ subscriptions: ReturnType<typeof createSubscriptions>; reconnected: Set<() => void> }>();
  let up = true;
  let lose = false;
  const sent: { channel: string; text: string }[] = [];

  function endpoint(): Bus {
    const self = {
      subscriptions: createSubscriptions((error) => {
        throw error;
      }),
      reconnected: new Set<() => void>(),
    };
    endpoints.add(self);
    return {
      shared: true,
      connected: () => up,
      publish(channel, text) {
        sent.push({ channel, text });
        if (!up || lose) return;
        for (const other of endpoints) if (other !== self) setImmediate(() => other.subscriptions.deliver(channel, text));
      },
      delivered: () => new Promise(setImmediate),
      subscribe: (channel, fn) => self.subscriptions.add(channel, fn),
      onReconnect(fn) {
        self.reconnected.add(fn);
        return () => self.reconnected.delete(fn);
      },
      close: async () => void endpoints.delete(self),
    };
  }

  return {
    endpoint,
    sent,
    /** Messages vanish, and nobody notices. */
    loseMessages(fn: () => void) {
      lose = true;
      fn();
      lose = false;
    },
    disconnect() {
      up = false;
    },
    reconnect() {
      up = true;
      for (const { reconnected } of endpoints) for (const fn of reconnected) fn();
    },
  };
}
