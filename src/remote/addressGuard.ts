import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import { lookUpName } from "./nameLookup";

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
    const forms = formsOf(ipaddr.process(address));
    return forms.some(allowed) || !forms.some(denied);
  };
  return {
    lookup(hostname, options, callback) {
      const { family, all } = options;
      const wanted = family === "IPv4" ? 4 : family === "IPv6" ? 6 : family;
      const found = (addresses: readonly LookupAddress[]): void => {
        const reachable = addresses.filter((one) => (!wanted || one.family === wanted) && open(one.address));
        const [first] = reachable;
        if (!first) return callback(new Error(`no address of ${hostname} may be reached`), "", 0);
        return all ? callback(null, reachable) : callback(null, first.address, first.family);
      };
      lookUpName(hostname).then(found, (error: Error) => callback(error, "", 0));
    },
    checkLiteral(host) {
      const literal = host.replace(/^\[|\]$/g, "");
      if (ipaddr.isValid(literal) && !open(literal)) throw new Error(`${host} may not be reached`);
    },
  };
}

/** Where in an IPv6 address an IPv4 address stands that packets to it may end at: prefix, its length, and the first byte. */
const EMBEDDINGS: readonly (readonly [string, number, number])[] = [
  // IPv4-compatible, and what the network translates (NAT64: RFC 6052, RFC 8215).
  ["::", 96, 12],
  ["64:ff9b::", 96, 12],
  ["64:ff9b:1::", 48, 12],
  // 6to4 (RFC 3056).
  ["2002::", 16, 2],
];

/** The address itself, and the IPv4 address in it: ranges of either kind hold for both, as Synapse has it. Mapped ones are read as IPv4. */
function formsOf(ip: Address): readonly Address[] {
  if (ip.kind() === "ipv4") return [ip];
  const bytes = ip.toByteArray();
  const within = EMBEDDINGS.filter(([prefix, bits]) => (ip as ipaddr.IPv6).match(ipaddr.IPv6.parse(prefix), bits));
  return [ip, ...within.map(([, , at]) => ipaddr.fromByteArray(bytes.slice(at, at + 4)))];
}

function matcher(ranges: readonly string[]): (address: Address) => boolean {
  const parsed = ranges.map((range) => (range.includes("/") ? ipaddr.parseCIDR(range) : exact(range)));
  return (address) => parsed.some(([base, bits]) => base.kind() === address.kind() && address.match([base, bits] as [ipaddr.IPv4, number]));
}

function exact(text: string): [Address, number] {
  const address = ipaddr.parse(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
