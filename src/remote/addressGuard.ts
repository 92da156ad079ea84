import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** CIDRs that may not be reached, and exceptions from them. */
export interface BlockedRanges {
  readonly deny: readonly string[];
  readonly allow: readonly string[];
}

export interface AddressGuard {
  /** Refuses names at connect time, after resolution: a name may resolve to something else between a check and the connection. */
  readonly lookup: LookupFunction;
  /** Addresses written as such never pass the lookup, so they are checked beforehand; names pass. Brackets may be around IPv6. */
  checkLiteral(host: string): void;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** These mean this machine to the kernel. */
const ALWAYS = ["0.0.0.0", "::"];

export function createAddressGuard({ deny, allow }: BlockedRanges): AddressGuard {
  const denied = matcher([...deny, ...ALWAYS]);
  const allowed = matcher(allow);
  const open = (address: string): boolean => {
    const ip = ipaddr.process(address);
    return allowed(ip) || !denied(ip);
  };
  return {
    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, "", 0);
        const reachable = addresses.filter(({ address }) => open(address));
        const [first] = reachable;
        if (!first) return callback(new Error(`no address of ${hostname} may be reached`), "", 0);
        return options.all ? callback(null, reachable) : callback(null, first.address, first.family);
      });
    },
    checkLiteral(host) {
      const literal = host.replace(/^\[|\]$/g, "");
      if (ipaddr.isValid(literal) && !open(literal)) throw new Error(`${host} may not be reached`);
    },
  };
}

function matcher(ranges: readonly string[]): (address: Address) => boolean {
  const parsed = ranges.map((range) => (range.includes("/") ? ipaddr.parseCIDR(range) : exact(range)));
  return (address) => parsed.some(([base, bits]) => base.kind() === address.kind() && address.match([base, bits] as [ipaddr.IPv4, number]));
}

function exact(text: string): [Address, number] {
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
