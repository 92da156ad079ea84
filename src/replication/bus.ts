/**
 * Carries hints from process to process. Nothing may depend on a message arriving: what matters is in the database or in
 * the memory of its writer, and whoever misses a message catches up from there.
 */
export interface Bus {
  /** False where no other process listens, so that nothing needs to be put into words. */
  readonly shared: boolean;
  /** False while messages are surely being lost. */
  connected(): boolean;
  /** Sends text to all subscribers but those of this bus. Never throws; while not connected the text is dropped. */
  publish(channel: string, text: string): void;
  /** Returns the way to stop. */
  subscribe(channel: string, fn: (text: string) => void): () => void;
  /** Called when messages flow again after some may have been lost. Returns the way to stop. */
  onReconnect(fn: () => void): () => void;
  close(): Promise<void>;
}

/** Subscribers by channel, with their errors kept apart. */
export interface Subscriptions {
  add(channel: string, fn: (text: string) => void): () => void;
  deliver(channel: string, text: string): void;
  channels(): readonly string[];
}

export function createSubscriptions(onError: (error: unknown) => void): Subscriptions {
  const byChannel = new Map<string, Set<(text: string) => void>>();
  return {
    add(channel, fn) {
      const fns = byChannel.get(channel) ?? new Set();
      byChannel.set(channel, fns.add(fn));
      return () => {
        fns.delete(fn);
        if (fns.size === 0) byChannel.delete(channel);
      };
    },
    deliver(channel, text) {
      for (const fn of byChannel.get(channel) ?? []) {
        try {
          fn(text);
        } catch (error) {
          onError(error);
        }
      }
    },
    channels: () => [...byChannel.keys()],
  };
}

/** The bus of a process that is alone. */
export function createSoloBus(): Bus {
  return {
    shared: false,
    connected: () => true,
    publish: () => undefined,
    subscribe: () => () => undefined,
    onReconnect: () => () => undefined,
    close: async () => undefined,
  };
}
