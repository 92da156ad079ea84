import { LRUCache } from "lru-cache";
import type { Clock } from "../lib/clock";
import { isJsonObject, parseJson } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import type { Random } from "../lib/random";
import type { SharedCache } from "../replication/sharedCache";
import { addressOf } from "./federationDiscovery";

/** An answer to `GET https://<host>/.well-known/matrix/server` after redirects. */
export interface WellKnownAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly cacheControl: string | undefined;
  readonly expires: string | undefined;
}

export interface WellKnown {
  /** The server that a host delegates to; undefined where it doesn't. Never rejects. */
  lookup(host: string): Promise<string | undefined>;
}

export interface WellKnownDeps {
  readonly clock: Clock;
  readonly random: Pick<Random, "fraction">;
  /** Rejects when there is no answer. */
  readonly fetch: (host: string) => Promise<WellKnownAnswer>;
  /** What other processes found out. */
  readonly shared: SharedCache;
}

/** Times in ms since 1970. */
interface Entry {
  readonly delegate?: string;
  readonly expires: number;
  /** From then on it is asked for again while it is still used. */
  readonly refresh: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DEFAULT_MS = 24 * HOUR;
const MIN_MS = 5 * MINUTE;
const MAX_MS = 48 * HOUR;
const INVALID_MS = HOUR;
const FAILED_MS = 2 * MINUTE;
const REFRESH_AT = 0.8;
const MAX_HOSTS = 10_000;

/** Delegations, remembered for as long as their headers say, within limits and spread by a tenth. */
export function createWellKnown({ clock, random, fetch, shared }: WellKnownDeps): WellKnown {
  const entries = new LRUCache<string, Entry>({ max: MAX_HOSTS });
  const fetching = new Map<string, Promise<Entry>>();

  async function load(host: string): Promise<Entry> {
    const told = readEntry(await shared.get(host));
    if (told && told.refresh > clock.now()) return keep(host, told);
    try {
      const { delegate, ms } = read(await fetch(host), clock.now());
      const entry = keep(host, entryFor(ms, delegate));
      shared.set(host, { ...entry }, entry.expires - clock.now());
      return entry;
    } catch {
      const known = entries.peek(host) ?? told;
      // What was valid stays so for its time.
      if (known?.delegate !== undefined && known.expires > clock.now()) return known;
      // Others may well reach it.
      return keep(host, entryFor(FAILED_MS));
    }
  }

  function entryFor(ms: number, delegate?: string): Entry {
    const life = ms * (0.9 + 0.2 * random.fraction());
    const now = clock.now();
    return { ...(delegate !== undefined && { delegate }), expires: now + life, refresh: now + life * REFRESH_AT };
  }

  function keep(host: string, entry: Entry): Entry {
    entries.set(host, entry);
    return entry;
  }

  function fetchOnce(host: string): Promise<Entry> {
    let running = fetching.get(host);
    if (!running) fetching.set(host, (running = load(host).finally(() => fetching.delete(host))));
    return running;
  }

  return {
    async lookup(host) {
      const known = entries.get(host);
      const now = clock.now();
      if (!known || known.expires <= now) return (await fetchOnce(host)).delegate;
      if (known.delegate !== undefined && known.refresh <= now) void fetchOnce(host);
      return known.delegate;
    },
  };
}

/** What another process kept. */
function readEntry(value: JsonObject | undefined): Entry | undefined {
  const { expires, refresh, delegate } = value ?? {};
  if (typeof expires !== "number" || typeof refresh !== "number") return undefined;
  if (delegate === undefined) return { expires, refresh };
  return isServer(delegate) ? { expires, refresh, delegate } : undefined;
}

function read(answer: WellKnownAnswer, now: number): { delegate: string | undefined; ms: number } {
  if (answer.status < 200 || answer.status >= 300) return { delegate: undefined, ms: INVALID_MS };
  const delegate = delegateIn(answer.body);
  return { delegate, ms: delegate === undefined ? INVALID_MS : Math.min(Math.max(lifeOf(answer, now) ?? DEFAULT_MS, MIN_MS), MAX_MS) };
}

function delegateIn(body: Buffer): string | undefined {
  try {
    const value = parseJson(body);
    const server = isJsonObject(value) ? value["m.server"] : undefined;
    return isServer(server) ? server : undefined;
  } catch {
    return undefined;
  }
}

function isServer(value: JsonValue | undefined): value is string {
  if (typeof value !== "string") return false;
  try {
    addressOf(value);
    return true;
  } catch {
    return false;
  }
}

function lifeOf({ cacheControl = "", expires }: WellKnownAnswer, now: number): number | undefined {
  if (/\bno-(store|cache)\b/i.test(cacheControl)) return 0;
  const maxAge = /\bmax-age\s*=\s*"?(\d+)/i.exec(cacheControl)?.[1];
  if (maxAge !== undefined) return Number(maxAge) * 1000;
  if (expires === undefined) return undefined;
  const at = Date.parse(expires);
  return Number.isNaN(at) ? 0 : at - now;
}
