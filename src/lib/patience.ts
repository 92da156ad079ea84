/** A time limit that stands still while it is we who keep the other side waiting. */
export class Patience {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout;
  private left: number;
  private since = performance.now();

  constructor(ms: number) {
    this.left = ms;
    this.timer = this.start();
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Does work for which the time stands still. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.timer);
    this.left -= performance.now() - this.since;
    try {
      return await work();
    } finally {
      this.timer = this.start();
    }
  }

  private start(): NodeJS.Timeout {
    this.since = performance.now();
    return setTimeout(() => this.controller.abort(new Error("the answer takes too long")), Math.max(0, this.left)).unref();
  }
}
