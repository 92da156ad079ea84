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
   * Resolves when all that this process published before has left for every subscriber, and those subscriptions hold that it made before; or
   * when there is no telling. May take as long as the other side takes to be given up.
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
  /** Absent where nothing can be kept for others. */
  readonly store?: SharedStore;
  close(): Promise<void>;
}

/** Short texts that all processes can read, of which any may be lost at any time. */
export interface SharedStore {
  /** Undefined too where the other side is away. Rejects, or takes as long as the other side takes to be given up, where it goes away. */
  get(key: string): Promise<string | undefined>;
  /** Keeps a text for so many ms. Never throws; while not connected the text is dropped. */
  set(key: string, text: string, ms: number): void;
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

/** Round trips to the other side, which answers to one once it has done all that it was sent before. */
export class Trips {
  private isDue = false;
  private current: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  /** A trip that fails counts too: there is nobody to wait for. */
  constructor(private readonly trip: () => Promise<unknown>) {}

  /** Something is being sent. */
  sending(): void {
    this.isDue = true;
  }

  /** Resolves when all is done that was sent before. One trip is under way at a time: those who ask meanwhile share the next. */
  delivered(): Promise<void> {
    if (!this.isDue) return this.current ?? Promise.resolve();
    return this.current ? (this.next ??= this.current.then(() => this.begin())) : this.begin();
  }

  private begin(): Promise<void> {
    this.isDue = false;
    this.next = undefined;
    const done = (): void => {
      if (this.current === mine) this.current = undefined;
    };
    const mine = this.trip().then(done, done);
    this.current = mine;
    return mine;
  }
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
