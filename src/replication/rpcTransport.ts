import { readFileSync } from "node:fs";
import { Pool } from "undici";

/** Where the replication listener of an instance is: an entry of `instance_map`. */
export type InstanceAddress = { readonly host: string; readonly port: number; readonly tls?: boolean } | { readonly path: string };

/** The other process could not be talked to. executed "no": the request surely had no effect. */
export class UnreachableError extends Error {
  constructor(
    readonly instance: string,
    readonly executed: "no" | "unknown",
    cause: unknown,
  ) {
    super(`Failed to talk to ${instance} process`, { cause });
  }
}

export interface RpcTransport {
  /** POSTs JSON text, gives status and parsed body. Throws UnreachableError, also when the signal ends it. */
  post(
    instance: string,
    path: string,
    body: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: unknown }>;
  close(): Promise<void>;
}

export interface RpcTransportOptions {
  /** `instance_map`, with the main process under the name main. */
  readonly addresses: Readonly<Record<string, InstanceAddress>>;
  /** `worker_replication_secret` */
  readonly secret: string | undefined;
  /** PEM file of the authority that signed the certificates of listeners with TLS; absent, the usual ones. */
  readonly caFile?: string;
}

/** Connections to one instance. Calls beyond them wait in their lanes or in the pool. */
const CONNECTIONS = 16;
const CONNECT_TIMEOUT_MS = 5_000;

export interface PoolOptions {
  readonly connections: number;
  readonly caFile?: string | undefined;
}

/** Kept connections to another process. */
export function openPool(address: InstanceAddress, { connections, caFile }: PoolOptions): Pool {
  const ca = caFile === undefined ? undefined : readFileSync(caFile);
  const common = { connections, pipelining: 1, keepAliveTimeout: 4_000 };
  if ("path" in address)
    return new Pool("http://localhost", { ...common, connect: { socketPath: address.path, timeout: CONNECT_TIMEOUT_MS } });
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return new Pool(`${address.tls ? "https" : "http"}://${host}:${address.port}`, {
    ...common,
    connect: { timeout: CONNECT_TIMEOUT_MS, ca },
  });
}

const NEVER_SENT = new Set([
  "ECONNREFUSED",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EACCES",
  "ENOTSOCK",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Errors of Node and undici name their cause in `code`. */
export function wasNeverSent(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && NEVER_SENT.has(String(error.code));
}

/** Talks to the replication listeners of other processes over kept connections. */
export function createRpcTransport({ addresses, secret, caFile }: RpcTransportOptions): RpcTransport {
  const pools = new Map<string, Pool>();
  const headers = { "content-type": "application/json", ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }) };

  function poolOf(instance: string): Pool {
    const known = pools.get(instance);
    if (known) return known;
    const address = addresses[instance];
    if (!address) throw new UnreachableError(instance, "no", new Error(`instance_map has no entry for ${instance}`));
    const pool = openPool(address, { connections: CONNECTIONS, caFile });
    pools.set(instance, pool);
    return pool;
  }

  return {
    async post(instance, path, body, timeoutMs, signal) {
      const pool = poolOf(instance);
      try {
        const response = await pool.request({
          method: "POST",
          path,
          headers,
          body,
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
          signal,
        });
        return { status: response.statusCode, body: await response.body.json() };
      } catch (error) {
        throw new UnreachableError(instance, wasNeverSent(error) ? "no" : "unknown", error);
      }
    },
    close: async () => void (await Promise.all(Array.from(pools.values(), (pool) => pool.destroy()))),
  };
}
