import type { Readable } from "node:stream";
import { Agent, request } from "undici";
import { createAddressGuard } from "./addressGuard";
import type { BlockedRanges } from "./addressGuard";

export interface WebAnswer {
  /** After redirects. */
  readonly url: URL;
  readonly status: number;
  /** A header's first value; names in lower case. */
  header(name: string): string | undefined;
  /** Has to be read or destroyed. */
  readonly body: Readable;
}

export interface WebFetchOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Called with every address before it is asked, those of redirects too. Throws to refuse it. */
  readonly check?: (url: URL) => void;
}

/** Gets what lies at addresses that other people choose, as a stream. Follows redirects, and reaches no forbidden addresses. */
export interface WebFetcher {
  get(url: URL, options?: WebFetchOptions): Promise<WebAnswer>;
  close(): Promise<void>;
}

export interface WebFetcherOptions {
  readonly userAgent: string;
  readonly certificates: "verify" | "ignore";
  readonly blocked: BlockedRanges;
}

const MAX_REDIRECTS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;

export function createWebFetcher({ userAgent, certificates, blocked }: WebFetcherOptions): WebFetcher {
  const guard = createAddressGuard(blocked);
  const agent = new Agent({
    connect: { rejectUnauthorized: certificates === "verify", timeout: CONNECT_TIMEOUT_MS, lookup: guard.lookup },
    headersTimeout: IDLE_TIMEOUT_MS,
    bodyTimeout: IDLE_TIMEOUT_MS,
  });

  async function once(url: URL, { headers = {}, signal, check }: WebFetchOptions): Promise<WebAnswer> {
    if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error(`${url.protocol} is not HTTP`);
    check?.(url);
    guard.checkLiteral(url.hostname);
    const answer = await request(url, { dispatcher: agent, signal: signal ?? null, headers: { "user-agent": userAgent, ...headers } });
    const header = (name: string): string | undefined => {
      const value = answer.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { url, status: answer.statusCode, header, body: answer.body };
  }

  return {
    async get(url, options = {}) {
      let next = url;
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        const answer = await once(next, options);
        const location = answer.header("location");
        if (answer.status < 300 || answer.status >= 400 || location === undefined) return answer;
        answer.body.on("error", () => undefined).destroy();
        next = new URL(location, next);
      }
      throw new Error("redirected too often");
    },
    close: () => agent.destroy(),
  };
}
