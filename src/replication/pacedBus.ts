import type { Clock } from "../lib/clock";
import { createSubscriptions } from "./bus";
import type { Bus, Subscriptions } from "./bus";
import { DIGEST_MS, Digest, decodeDigest } from "./digest";

export interface PacedBusOptions {
  readonly bus: Bus;
  /** Where all processes publish their digests. */
  readonly channel: string;
  /**
   * Channels whose messages end a digest at once. Digests keep no order between processes: who acts on what is said in other channels, and has to
   * know of these first, finds them before the request is answered that said so.
   */
  readonly prompt: ReadonlySet<string>;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly onError: (error: unknown) => void;
}

/** While it changes its pace a process hears both ways, lest something falls in between. */
const OVERLAP_MS = 1_000;

/**
 * A bus whose owner chooses between hearing of everything at once and being woken rarely. Being woken is what a message costs a process that
 * has no use for it: to read and apply a row takes a fraction of that. So each process publishes everything twice: each message in its own
 * channel, for those who wait for it, and many together in one channel of digests.
 */
export class PacedBus implements Bus {
  private readonly subscriptions: Subscriptions;
  private readonly digest: Digest;
  /** How to stop listening to the channels themselves, by channel. */
  private readonly direct = new Map<string, () => void>();
  private stopDigests: (() => void) | undefined;
  private isSlack = false;
  private overlap: NodeJS.Timeout | undefined;

  constructor(private readonly options: PacedBusOptions) {
    const { bus, channel, clock, onError } = options;
    this.subscriptions = createSubscriptions(onError);
    this.digest = new Digest(clock, (text) => bus.publish(channel, text));
  }

  get shared(): boolean {
    return this.options.bus.shared;
  }

  connected(): boolean {
    return this.options.bus.connected();
  }

  publish(channel: string, text: string): void {
    this.options.bus.publish(channel, text);
    this.digest.add(channel, text);
    if (this.options.prompt.has(channel)) this.digest.flush();
  }

  delivered(): Promise<void> {
    return this.options.bus.delivered();
  }

  subscribe(channel: string, fn: (text: string) => void): () => void {
    const stop = this.subscriptions.add(channel, fn);
    if (!this.isSlack) this.listen(channel);
    return () => {
      stop();
      if (!this.subscriptions.channels().includes(channel)) this.unlisten(channel);
    };
  }

  onReconnect(fn: () => void): () => void {
    return this.options.bus.onReconnect(fn);
  }

  /** How much later than at once messages may come, in ms. */
  lateness(): number {
    return this.isSlack ? DIGEST_MS : 0;
  }

  /** Each message is heard by itself, as soon as it is published. Resolves when this is so for what is published from now on. */
  async quicken(): Promise<void> {
    if (!this.isSlack) return;
    this.isSlack = false;
    for (const channel of this.subscriptions.channels()) this.listen(channel);
    this.afterOverlap(() => {
      this.stopDigests?.();
      this.stopDigests = undefined;
    });
    await this.delivered();
  }

  /** What each of the others publishes is heard in digests. */
  slacken(): void {
    if (this.isSlack) return;
    this.isSlack = true;
    const { bus, channel } = this.options;
    this.stopDigests ??= bus.subscribe(channel, (text) => {
      for (const [name, message] of decodeDigest(text)) this.subscriptions.deliver(name, message);
    });
    this.afterOverlap(() => this.unlistenAll());
  }

  /** Sends what waits. The bus underneath stays open. */
  async close(): Promise<void> {
    clearTimeout(this.overlap);
    this.digest.flush();
    this.stopDigests?.();
    this.unlistenAll();
  }

  private afterOverlap(end: () => void): void {
    clearTimeout(this.overlap);
    this.overlap = setTimeout(end, OVERLAP_MS).unref();
  }

  private listen(channel: string): void {
    if (this.direct.has(channel)) return;
    const { bus } = this.options;
    this.direct.set(
      channel,
      bus.subscribe(channel, (text) => this.subscriptions.deliver(channel, text)),
    );
  }

  private unlisten(channel: string): void {
    this.direct.get(channel)?.();
    this.direct.delete(channel);
  }

  private unlistenAll(): void {
    for (const channel of [...this.direct.keys()]) this.unlisten(channel);
  }
}
