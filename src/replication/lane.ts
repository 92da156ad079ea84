import { limitExceeded } from "../errors";
import { runOutsideContext } from "../observe/context";

export interface LaneOptions<Item> {
  /** Items that may travel together. */
  readonly batch: number;
  /** Batches under way at once. */
  readonly parallel: number;
  /** What an item adds to the size of a batch; batches stay below maxSize unless one item is larger alone. */
  readonly sizeOf?: (item: Item) => number;
  readonly maxSize?: number;
  readonly maxWaiting?: number;
  /** While a batch is under way the next one waits for its end, but no longer than so many ms, unless it is full: it grows meanwhile. Default 0. */
  readonly lingerMs?: number;
  /** Must not reject: it tells the items what became of them. */
  readonly run: (items: readonly Item[]) => Promise<void>;
}

/** A queue out of which items travel in batches: those of one turn of the event loop, and those that waited meanwhile. */
export class Lane<Item> {
  private readonly waiting: Item[] = [];
  private underWay = 0;
  private scheduled = false;
  private lingering: NodeJS.Timeout | undefined;

  constructor(private readonly options: LaneOptions<Item>) {}

  /** Throws M_LIMIT_EXCEEDED when too many are waiting. */
  push(item: Item): void {
    if (this.waiting.length >= (this.options.maxWaiting ?? 10_000)) throw limitExceeded(1_000);
    this.waiting.push(item);
    if (this.scheduled) return;
    this.scheduled = true;
    // Batches belong to no single request.
    runOutsideContext(() =>
      queueMicrotask(() => {
        this.scheduled = false;
        this.pump();
      }),
    );
  }

  private pump(): void {
    while (this.waiting.length > 0 && this.underWay < this.options.parallel) {
      if (this.underWay > 0 && this.waiting.length < this.options.batch && this.linger()) return;
      this.run();
    }
  }

  private run(): void {
    clearTimeout(this.lingering);
    this.lingering = undefined;
    this.underWay++;
    void this.options.run(this.take()).finally(() => {
      this.underWay--;
      this.pump();
    });
  }

  /** Whether what waits is to wait a little longer. */
  private linger(): boolean {
    const { lingerMs = 0 } = this.options;
    if (lingerMs > 0)
      this.lingering ??= setTimeout(() => {
        this.lingering = undefined;
        if (this.waiting.length > 0 && this.underWay < this.options.parallel) this.run();
      }, lingerMs);
    return lingerMs > 0;
  }

  private take(): Item[] {
    const { batch, sizeOf, maxSize = Infinity } = this.options;
    let count = 0;
    let size = 0;
    for (const item of this.waiting) {
      size += sizeOf?.(item) ?? 0;
      if (count > 0 && (count >= batch || size > maxSize)) break;
      count++;
    }
    return this.waiting.splice(0, count);
  }
}
