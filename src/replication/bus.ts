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
  /**
   * Resolves when all that was published before, by anybody of whom this process has heard, has left for every subscriber; or when there is
   * no telling. May take as long as the other side takes to be given up.
   */
  delivered(): Promise<void>;
  /** Returns the way to stop. */
  subscribe(channel: string, fn: (text: string) => void): () => void;
  /** Takes in what waits to be heard; absent where nothing does. Gives whether that takes another turn of the event loop. */
  rouse?(): boolean;
  /** Somebody waits for messages, until the returned function is called: each is heard as soon as it comes. Absent where that is always so. */
  expect?(): () => void;
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

/**
 * Makes a function that resolves when a round trip is over that began after the call. One is under way at a time: those who ask meanwhile
 * share the next. A trip that fails counts too: there is nobody to wait for.
 */
export function sharedTrips(trip: () => Promise<unknown>): () => Promise<void> {
  let current: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    next = undefined;
    const done = (): void => {
      if (current === mine) current = undefined;
    };
    const mine = trip().then(done, done);
    current = mine;
    return mine;
  };
  return () => (current ? (next ??= current.then(begin)) : begin());
}

/** The bus of a process that is alone. */
export function createSoloBus(): Bus {
  return {
    shared: false,
    connected: () => true,
    publish: () => undefined,
    delivered: () => Promise.resolve(),
    subscribe: () => () => undefined,
    onReconnect: () => () => undefined,
    close: async () => undefined,
  };
}
