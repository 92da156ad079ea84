import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { LRUCache } from "lru-cache";
import { Agent, Pool, buildConnector, request } from "undici";
import type { Dispatcher } from "undici";
import type { Config } from "../config/config";
import { createAddressGuard } from "./addressGuard";
import type { Target } from "./federationDiscovery";
import type { WellKnownAnswer } from "./federationWellKnown";

export interface Connections {
  /** The open connections to a place, which stay open for a while. */
  to(target: Target): Dispatcher;
  /** Follows redirects. */
  fetchWellKnown(host: string): Promise<WellKnownAnswer>;
  close(): Promise<void>;
}

export type ConnectionsConfig = Pick<
  Config,
  | "federation_custom_ca_list"
  | "federation_verify_certificates"
  | "federation_certificate_verification_whitelist"
  | "federation_client_minimum_tls_version"
  | "federation_ip_range_blacklist"
  | "ip_range_whitelist"
>;

const CONNECT_TIMEOUT_MS = 10_000;
/** Of one server. */
const MAX_CONNECTIONS = 20;
/** Servers with open connections. */
const MAX_SERVERS = 2_000;
const IDLE_MS = 10 * 60_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_REDIRECTS = 10;
const MAX_WELL_KNOWN_BYTES = 50 * 1024;
const WELL_KNOWN_TIMEOUT_MS = 30_000;

const TLS_VERSIONS = { "1": "TLSv1", "1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3" } as const;

/** Connections to other homeservers, bounded in number, which reach no forbidden addresses and trust whom the configuration says. */
export function createConnections(config: ConnectionsConfig, userAgent: string): Connections {
  const guard = createAddressGuard({ deny: config.federation_ip_range_blacklist, allow: config.ip_range_whitelist });
  const unverified = config.federation_certificate_verification_whitelist.map(globPattern);
  const authorities = config.federation_custom_ca_list.map((path) => readFileSync(path, "utf8"));
  const options = {
    ...(authorities.length > 0 && { ca: authorities }),
    minVersion: TLS_VERSIONS[config.federation_client_minimum_tls_version],
    timeout: CONNECT_TIMEOUT_MS,
    lookup: guard.lookup,
  };
  const verifies = (name: string): boolean => config.federation_verify_certificates && !unverified.some((pattern) => pattern.test(name));
  const pools = new LRUCache<string, Pool>({
    max: MAX_SERVERS,
    ttl: IDLE_MS,
    updateAgeOnGet: true,
    dispose: (pool) => void pool.close().catch(() => undefined),
  });
  const wellKnownAgent = new Agent({ connect: { ...options, rejectUnauthorized: config.federation_verify_certificates } });

  function open({ host, port, certificateName }: Target): Pool {
    const connect = buildConnector({ ...options, rejectUnauthorized: verifies(certificateName) });
    const isLiteral = isIP(certificateName) !== 0;
    return new Pool(`https://${isIP(certificateName) === 6 ? `[${certificateName}]` : certificateName}:${port}`, {
      connections: MAX_CONNECTIONS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: (given, callback) => {
        // An address is no name to ask for in the handshake; its certificate is checked against the address connected to.
        const { servername: _servername, ...rest } = given;
        connect(
          {
            ...rest,
            hostname: host,
            host: isLiteral ? host : certificateName,
            port: String(port),
            ...(!isLiteral && { servername: certificateName }),
          },
          callback,
        );
      },
    });
  }

  return {
    to(target) {
      guard.checkLiteral(target.host);
      const key = `${target.host} ${target.port} ${target.certificateName}`;
      let pool = pools.get(key);
      if (!pool) pools.set(key, (pool = open(target)));
      return pool;
    },
    fetchWellKnown: (host) => followWellKnown(host, { dispatcher: wellKnownAgent, check: guard.checkLiteral, userAgent }),
    async close() {
      const open = [...pools.values()];
      await Promise.all([wellKnownAgent.destroy(), ...open.map((pool) => pool.destroy())]);
      pools.clear();
    },
  };
}

async function followWellKnown(
  host: string,
  { dispatcher, check, userAgent }: { dispatcher: Dispatcher; check: (host: string) => void; userAgent: string },
): Promise<WellKnownAnswer> {
  let url = new URL(`https://${host}/.well-known/matrix/server`);
  const signal = AbortSignal.timeout(WELL_KNOWN_TIMEOUT_MS);
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    check(url.hostname);
    const answer = await request(url, { dispatcher, signal, headers: { "user-agent": userAgent, accept: "application/json" } });
    const location = headerOf(answer.headers["location"]);
    if (answer.statusCode < 300 || answer.statusCode >= 400 || location === undefined) {
      const body = await readBytes(answer.body, MAX_WELL_KNOWN_BYTES);
      const { headers, statusCode: status } = answer;
      return { status, body, cacheControl: headerOf(headers["cache-control"]), expires: headerOf(headers["expires"]) };
    }
    answer.body.on("error", () => undefined).destroy();
    url = new URL(location, url);
    if (url.protocol !== "https:" && url.protocol !== "http:") throw new Error("redirected to something else than HTTP");
  }
  throw new Error("redirected too often");
}

const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** A whole body, unless it is larger than allowed. */
export async function readBytes(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function globPattern(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${text}$`, "i");
}
