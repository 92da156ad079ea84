import { isIP } from "node:net";
import type { SrvRecord } from "node:dns";
import type { WellKnown } from "./federationWellKnown";

/** Where requests to a server go. */
export interface Target {
  /** A name to be resolved or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Value of the `Host` header. */
  readonly hostHeader: string;
  /** What the certificate must be for. */
  readonly certificateName: string;
}

export interface DiscoveryDeps {
  /** Rejects with ENOTFOUND or ENODATA where there are none. */
  readonly resolveSrv: (name: string) => Promise<readonly SrvRecord[]>;
  readonly wellKnown: WellKnown;
  /** In [0, 1): chooses among SRV records of one priority. */
  readonly fraction: () => number;
}

const DEFAULT_PORT = 8448;

export interface ServerAddress {
  /** Without the brackets of IPv6. */
  readonly host: string;
  readonly port: number | undefined;
  readonly isLiteral: boolean;
}

/** Takes a server name apart. */
export function addressOf(serverName: string): ServerAddress {
  const [, bracketed, plain = "", port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(serverName) ?? [];
  const host = bracketed ?? plain;
  if (host === "") throw new Error(`${serverName} is not a server name`);
  return { host, port: port === undefined ? undefined : Number(port), isLiteral: isIP(host) !== 0 };
}

/**
 * Finds out where a server is, best place first (specification: server-server API, "Resolving server names"). Rejects when the records
 * say that there is none.
 */
export async function discover(deps: DiscoveryDeps, serverName: string): Promise<Target[]> {
  const address = addressOf(serverName);
  if (address.isLiteral || address.port !== undefined) return [direct(address, serverName)];
  const delegate = await deps.wellKnown.lookup(address.host);
  if (delegate === undefined) return byRecords(deps, address.host);
  const delegated = addressOf(delegate);
  if (delegated.isLiteral || delegated.port !== undefined) return [direct(delegated, delegate)];
  return byRecords(deps, delegated.host);
}

const direct = ({ host, port = DEFAULT_PORT }: ServerAddress, hostHeader: string): Target => ({
  host,
  port,
  hostHeader,
  certificateName: host,
});

async function byRecords(deps: DiscoveryDeps, host: string): Promise<Target[]> {
  for (const service of ["_matrix-fed._tcp", "_matrix._tcp"]) {
    const records = await srvOf(deps, `${service}.${host}`);
    if (records.length === 0) continue;
    const [only] = records;
    // RFC 2782: the root alone as a target says that there is no such service.
    if (records.length === 1 && only && (only.name === "." || only.name === ""))
      throw new Error(`${host} says that it has no Matrix server`);
    return inOrder(records, deps.fraction).map(({ name, port }) => ({ host: name, port, hostHeader: host, certificateName: host }));
  }
  return [{ host, port: DEFAULT_PORT, hostHeader: host, certificateName: host }];
}

async function srvOf({ resolveSrv }: DiscoveryDeps, name: string): Promise<readonly SrvRecord[]> {
  try {
    return await resolveSrv(name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Whatever else is wrong with name service, it may be right about addresses.
    if (code !== undefined) return [];
    throw error;
  }
}

/** By priority; within one at random, by weight. */
function inOrder(records: readonly SrvRecord[], fraction: () => number): SrvRecord[] {
  const keyed = records.map((record) => ({ record, key: fraction() ** (1 / Math.max(record.weight, 0.01)) }));
  return keyed.sort((a, b) => a.record.priority - b.record.priority || b.key - a.key).map(({ record }) => record);
}
