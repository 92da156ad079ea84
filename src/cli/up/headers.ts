import type { IncomingMessage } from "node:http";

/** Of one connection, not of what goes over it (RFC 9110, section 7.6.1). Bodies are framed anew. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const EXPECT: ReadonlySet<string> = new Set(["expect"]);

/** Names and values in turns, without those of the connection and without others. */
function keep(raw: readonly string[], without: ReadonlySet<string>): string[] {
  const named = raw.flatMap((name, i) => (i % 2 === 0 && name.toLowerCase() === "connection" ? (raw[i + 1] ?? "").split(",") : []));
  const closing = new Set(named.map((name) => name.trim().toLowerCase()));
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = "", value = ""] = [raw[i], raw[i + 1]];
    const lower = name.toLowerCase();
    if (!OF_CONNECTION.has(lower) && !closing.has(lower) && !without.has(lower)) kept.push(name, value);
  }
  return kept;
}

export const answerHeaders = (raw: readonly string[]): string[] => keep(raw, new Set());

export interface Forwarding {
  /** Whether there is another proxy in front, which is believed. */
  readonly trusts: boolean;
  readonly protocol: "http" | "https";
}

/** The address of the connection; how sockets that take IPv6 and IPv4 write an IPv4 address is undone. */
const addressOf = ({ socket: { remoteAddress = "" } }: IncomingMessage): string => remoteAddress.replace(/^::ffff:/, "");

/** The headers of a request as a process gets them: with the address that it came from. */
export function requestHeaders(request: IncomingMessage, { trusts, protocol }: Forwarding): string[] {
  const isGiven = trusts && request.headers["x-forwarded-for"] !== undefined;
  const ours = ["x-forwarded-for", ...(trusts ? [] : ["x-forwarded-proto", "x-forwarded-host"])];
  const kept = keep(request.rawHeaders, isGiven ? EXPECT : new Set([...EXPECT, ...ours]));
  if (isGiven) return kept;
  kept.push("X-Forwarded-For", addressOf(request));
  if (!trusts || request.headers["x-forwarded-proto"] === undefined) kept.push("X-Forwarded-Proto", protocol);
  return kept;
}

/** The client's address: the first that a proxy in front gives, as processes read it. */
export function sourceOf(request: IncomingMessage, { trusts }: Forwarding): string {
  const given = trusts ? request.headers["x-forwarded-for"] : undefined;
  const [first] = (Array.isArray(given) ? given.join() : (given ?? "")).split(",");
  return first?.trim() || addressOf(request);
}
