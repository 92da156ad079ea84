import type { LookupAddress } from "node:dns";
import { Resolver, lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { createLimiter } from "../lib/limiter";

/** Where addresses of a name are found. */
export interface NameSources {
  /** What DNS says; nothing where it knows of no such name. Rejects where it gives no answer. */
  dns(name: string): Promise<LookupAddress[]>;
  /** getaddrinfo(3), which goes by all that the system is set up for. Rejects where nothing is found. */
  system(name: string): Promise<LookupAddress[]>;
  /** The text of hosts(5), whose names come before those of DNS. */
  hosts(): Promise<string>;
}

/** Of the 10 s that a connection may take to open 6 go by without an answer: the second try waits twice as long. */
const PATIENCE = { timeout: 2_000, tries: 2 };
/** DNS has answered, or there is none on this machine: another source may know the name. */
const NOT_IN_DNS: ReadonlySet<unknown> = new Set(["ENOTFOUND", "ENODATA", "ECONNREFUSED", "EBADNAME"]);

/**
 * Asks DNS for addresses of both kinds, IPv4 first. With a resolver for each name: it reads anew which DNS servers to ask, unless they are
 * given, and does not expect of a name that nobody asked for before the speed with which others came.
 */
export async function askDns(name: string, servers?: readonly string[]): Promise<LookupAddress[]> {
  const resolver = new Resolver(PATIENCE);
  if (servers) resolver.setServers(servers);
  const asked = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = asked.flatMap((answer, i) =>
    answer.status === "fulfilled" ? answer.value.map((address) => ({ address, family: i === 0 ? 4 : 6 })) : [],
  );
  const failed = asked.find((answer) => answer.status === "rejected" && !NOT_IN_DNS.has((answer.reason as NodeJS.ErrnoException).code));
  if (found.length === 0 && failed?.status === "rejected") throw failed.reason;
  return found;
}

const system: NameSources = {
  dns: (name) => askDns(name),
  system: (name) => lookup(name, { all: true }),
  hosts: () => readFile("/etc/hosts", "utf8").catch(() => ""),
};

/** Finds the addresses of a name. */
export type NameLookup = (name: string) => Promise<LookupAddress[]>;

/**
 * Looks up names that others choose: of their servers, and in what is to be previewed. getaddrinfo(3) takes a thread for as long as the name's
 * DNS servers are silent, and libuv has two threads for that; thousands of names of dead servers would keep those of living ones waiting, and
 * the database and Redis when they are to be connected to again. So DNS is asked without a thread, of which one at most is taken for what is not
 * in DNS: names of the hosts file, those without a dot, and those that are found by a search domain.
 */
export function createNameLookup(sources: NameSources): NameLookup {
  const thread = createLimiter(1, Infinity);
  return async (name) => {
    if (name.includes(".") && !isHost(await sources.hosts(), name)) {
      const found = await sources.dns(name);
      if (found.length > 0) return found;
    }
    return thread.run(() => sources.system(name));
  };
}

function isHost(hosts: string, name: string): boolean {
  const wanted = name.toLowerCase();
  const text = hosts.toLowerCase();
  // Some are lists of all that is not to be reached.
  if (!text.includes(wanted)) return false;
  return text.split("\n").some((line) => line.replace(/#.*/, "").split(/\s+/).slice(1).includes(wanted));
}

/** One for the process, as the threads are. */
export const lookUpName: NameLookup = createNameLookup(system);
