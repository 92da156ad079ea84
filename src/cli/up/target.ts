import { Pool } from "undici";
import type { ProxyTarget } from "../../roles/proxy/proxyModel";

/** A request that is under way at a target. */
export interface Call {
  /** Whether another process may be asked instead, although this one may have got it. */
  readonly repeatable: boolean;
  readonly abort: () => void;
}

const EVERY_MS = 1_000;
/** Who takes longer to say that it is there is frozen. */
const ANSWER_MS = 2_000;
/** Shorter than what processes wait between requests of one connection, or requests would meet its end. */
const KEEP_ALIVE_MS = 60_000;

/** A process that may have requests, and whether it answers: it is asked all the time. */
export class Target {
  readonly name: string;
  readonly pool: Pool;
  private readonly calls = new Set<Call>();
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private up = false;

  constructor(
    { name, at }: ProxyTarget,
    private readonly say: (text: string) => void,
  ) {
    this.name = name;
    const origin = "path" in at ? "http://localhost" : `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
    // Clients choose how long they wait for news, so that nothing but their leaving ends a request.
    const limits = { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS, pipelining: 1 };
    this.pool = new Pool(origin, { ...limits, connect: { timeout: ANSWER_MS, ...("path" in at && { socketPath: at.path }) } });
  }

  get isUp(): boolean {
    return this.up;
  }

  /** Requests under way. */
  get load(): number {
    return this.calls.size;
  }

  /** Asks whether it is there, from now on again and again. */
  async watch(): Promise<void> {
    try {
      const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(ANSWER_MS)]);
      const { body } = await this.pool.request({ method: "GET", path: "/health", signal });
      await body.dump();
      this.rise();
    } catch {
      this.fall();
    }
    if (!this.stopped.signal.aborted) this.timer = setTimeout(() => void this.watch(), EVERY_MS).unref();
  }

  /** It does not answer: what can be asked of others is asked of them. */
  fall(): void {
    if (this.up && !this.stopped.signal.aborted) this.say(`${this.name} does not answer, and gets no requests until it does`);
    this.up = false;
    for (const { repeatable, abort } of this.calls) if (repeatable) abort();
  }

  /** Counts a request until the function that this gives is called. */
  begin(call: Call): () => void {
    this.calls.add(call);
    return () => this.calls.delete(call);
  }

  async close(): Promise<void> {
    this.stopped.abort();
    clearTimeout(this.timer);
    await this.pool.destroy();
  }

  private rise(): void {
    if (!this.up) this.say(`${this.name} answers`);
    this.up = true;
  }
}
