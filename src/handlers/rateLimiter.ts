import type { Config } from "../config/config";
import type { RateLimit } from "../config/types.generated";
import { limitExceeded } from "../errors";
import type { Clock } from "../lib/clock";
import type { Requester } from "./requester";

type ConfiguredLimits = Pick<
  Config,
  | "rc_message"
  | "rc_registration"
  | "rc_registration_token_validity"
  | "rc_login"
  | "rc_admin_redaction"
  | "rc_joins"
  | "rc_joins_per_room"
  | "rc_3pid_validation"
  | "rc_invites"
  | "rc_third_party_invite"
  | "rc_media_create"
  | "rc_key_requests"
  | "rc_presence"
  | "rc_delayed_event_mgmt"
  | "rc_room_creation"
  | "rc_reports"
  | "rc_user_directory"
>;
/** Bytes of other servers' media are an action each. */
type MediaLimit = Pick<Config, "remote_media_download_per_second" | "remote_media_download_burst_count">;
type Limits = ConfiguredLimits & { readonly remote_media_download: RateLimit };
type Value<K extends keyof Limits> = NonNullable<Limits[K]>;

/** Names as in the configuration, with a dot where limits are nested: `rc_message`, `rc_login.address`. */
export type RateLimitName = {
  [K in keyof Limits]-?: Value<K> extends RateLimit ? K : `${K}.${Extract<keyof Value<K>, string>}`;
}[keyof Limits];

export interface RateLimitOptions {
  /** How many actions this is; 1 unless given. */
  readonly cost?: number;
  /** Replaces the configured limit, for users that have their own. */
  readonly override?: RateLimit;
}

/** Leaky buckets per name and key (user, address, room), kept by this process alone. Who is exempt is the caller's affair. */
export interface RateLimiter {
  /** Counts an action, or throws 429 M_LIMIT_EXCEEDED and counts nothing. */
  check(name: RateLimitName, key: string, options?: RateLimitOptions): void;
  /** Whether `check` would pass; counts nothing. */
  allows(name: RateLimitName, key: string, options?: RateLimitOptions): boolean;
  /** Counts an action without asking: failed logins are counted after the fact. */
  record(name: RateLimitName, key: string, options?: RateLimitOptions): void;
}

/** Counts something that a user does, or throws 429, as far as this user has a limit. The key is the user unless given. */
export function limitUser(
  { rateLimiter }: { readonly rateLimiter: RateLimiter },
  { userId, appservice, ownLimit }: Pick<Requester, "userId" | "appservice" | "ownLimit">,
  name: RateLimitName,
  key = userId,
): void {
  if (appservice?.rateLimited === false || ownLimit?.per_second === 0) return;
  rateLimiter.check(name, key, ownLimit && { override: ownLimit });
}

interface Bucket {
  /** Actions that had not leaked out at `since` (ms, monotonic). */
  level: number;
  since: number;
  readonly perSecond: number;
}

/** Above this many buckets some of the oldest are looked at whenever one is made, and dropped when empty. */
const MANY_BUCKETS = 50_000;
/** Above this many they are dropped in any case: to forget a limit is better than to run out of memory. */
const TOO_MANY_BUCKETS = 200_000;
const SWEEP = 8;

export function createRateLimiter(clock: Clock, config: ConfiguredLimits & MediaLimit): RateLimiter {
  const { remote_media_download_per_second: per_second, remote_media_download_burst_count: burst_count } = config;
  const limits: Limits = { ...config, remote_media_download: { per_second, burst_count } };
  const buckets = new Map<string, Bucket>();

  /** What a bucket holds now, when it leaks at that rate. */
  const levelOf = (id: string, perSecond: number, now: number): number => {
    const bucket = buckets.get(id);
    return bucket ? Math.max(0, bucket.level - ((now - bucket.since) / 1000) * perSecond) : 0;
  };

  function sweep(now: number): void {
    if (buckets.size < MANY_BUCKETS) return;
    const oldest = buckets.entries();
    for (let i = 0; i < SWEEP; i++) {
      const [id, bucket] = oldest.next().value ?? [];
      if (id === undefined || !bucket) return;
      const drop = buckets.size > TOO_MANY_BUCKETS || levelOf(id, bucket.perSecond, now) === 0;
      buckets.delete(id);
      if (!drop) buckets.set(id, bucket);
    }
  }

  function assess(name: RateLimitName, key: string, { cost = 1, override }: RateLimitOptions = {}) {
    const limit = override ?? limitOf(limits, name);
    const id = `${name}\u0000${key}`;
    const now = clock.monotonic();
    const level = levelOf(id, limit.per_second, now) + cost;
    const count = (): void => {
      if (!buckets.has(id)) sweep(now);
      buckets.set(id, { level, since: now, perSecond: limit.per_second });
    };
    return { wait: waitMs(level - limit.burst_count, limit.per_second), count };
  }

  return {
    check(name, key, options) {
      const { wait, count } = assess(name, key, options);
      if (wait > 0) throw limitExceeded(wait);
      count();
    },
    allows: (name, key, options) => assess(name, key, options).wait === 0,
    record: (name, key, options) => assess(name, key, options).count(),
  };
}

function limitOf(limits: Limits, name: RateLimitName): RateLimit {
  let value: unknown = limits;
  for (const part of name.split(".")) value = (value as Record<string, unknown> | undefined)?.[part];
  // rc_admin_redaction alone may be unset.
  return (value as RateLimit | undefined) ?? limits.rc_message;
}

/** Milliseconds until `excess` actions have leaked out; a day where nothing leaks. */
function waitMs(excess: number, perSecond: number): number {
  if (excess <= 0) return 0;
  return perSecond > 0 ? Math.max(1, Math.ceil((excess / perSecond) * 1000)) : 86_400_000;
}
