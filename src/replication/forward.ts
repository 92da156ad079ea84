import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Pool } from "undici";
import { UnreachableError, openPool, wasNeverSent } from "./rpcTransport";
import type { InstanceAddress } from "./rpcTransport";

/** Another process of this server, which answers clients there. */
export interface Neighbour {
  readonly name: string;
  readonly address: InstanceAddress;
}

export interface Forwarded {
  readonly method: string;
  /** Path and query string as they came. */
  readonly url: string;
  /** As they came. */
  readonly headers: IncomingHttpHeaders;
  /** The client's address. */
  readonly ip: string;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal;
}

export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readable;
}

/** Hands requests of clients to other processes as they are, and gives their answers as they come. */
export interface Forwarder {
  /** Throws UnreachableError. */
  send(to: Neighbour, request: Forwarded): Promise<ForwardedAnswer>;
  close(): Promise<void>;
}

/** Uploads and downloads may take long, each on a connection of its own; more of them wait. */
const CONNECTIONS = 256;
/** From the end of the request on: there is media that is waited for, and pages that are looked up. */
const ANSWER_TIMEOUT_MS = 600_000;

/** What is about one connection (RFC 9110, section 7.6.1) and what the connection to the other process says anew. */
const OF_ONE_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "x-forwarded-for",
]);

type Headers = Record<string, string | string[]>;

/** Headers that go on to the next, also without those that `Connection` names. */
export function headersOnward(headers: IncomingHttpHeaders): Headers {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const onward: Headers = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !OF_ONE_CONNECTION.has(name) && !named.has(name)) onward[name] = value;
  }
  return onward;
}

export function createForwarder(): Forwarder {
  const pools = new Map<string, Pool>();

  function poolOf({ address }: Neighbour): Pool {
    const key = JSON.stringify(address);
    let pool = pools.get(key);
    if (!pool) pools.set(key, (pool = openPool(address, { connections: CONNECTIONS })));
    return pool;
  }

  return {
    async send(to, { method, url, headers, ip, body, signal }) {
      try {
        const response = await poolOf(to).request({
          method: method as "GET",
          path: url,
          headers: { ...headersOnward(headers), "x-forwarded-for": ip },
          body: body as Readable | undefined,
          headersTimeout: ANSWER_TIMEOUT_MS,
          bodyTimeout: ANSWER_TIMEOUT_MS,
          signal,
        });
        // Who does not read it to its end destroys it, which is told as an error.
        response.body.on("error", () => undefined);
        return { status: response.statusCode, headers: headersOnward(response.headers), body: response.body };
      } catch (error) {
        throw new UnreachableError(to.name, wasNeverSent(error) ? "no" : "unknown", error);
      }
    },
    close: async () => void (await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()))),
  };
}
