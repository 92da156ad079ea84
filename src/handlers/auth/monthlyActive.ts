import { MatrixError } from "../../errors";
import type { Clock } from "../../lib/clock";
import { createLru } from "../../lib/lru";
import type { CachedToken } from "../../caches/accessTokens";
import type { Database } from "../../storage/db";
import { countMonthlyActive, isMonthlyActive, markMonthlyActive, reapMonthlyActive } from "../../storage/monthlyActive";
import { getThreepids } from "../../storage/threepids";
import { getUser } from "../../storage/users";
import type { Requester } from "../requester";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WINDOW_MS = 30 * DAY_MS;
/** How long a count is believed; near the limit some more than it may get in. */
const COUNT_FRESH_MS = 10_000;
/** Users who were found to be among the active ones, and how long that is believed. */
const MAX_EXEMPT = 10_000;
const EXEMPT_MS = 60_000;

export interface MonthlyActiveConfig {
  readonly hs_disabled: boolean;
  readonly hs_disabled_message: string;
  readonly admin_contact?: string;
  readonly limit_usage_by_mau: boolean;
  readonly mau_stats_only: boolean;
  readonly max_mau_value: number;
  readonly mau_trial_days: number;
  readonly mau_appservice_trial_days: { readonly [id: string]: number };
  readonly mau_limit_reserved_threepids: readonly { readonly medium: string; readonly address: string }[];
  readonly track_appservice_user_ips: boolean;
}

export interface MonthlyActive {
  /**
   * Throws 403 M_RESOURCE_LIMIT_EXCEEDED when the server is switched off, or full and the user is not among its active ones. For a
   * registration there is no user yet.
   */
  check(
    who: { readonly userId: string; readonly isAdmin?: boolean; readonly appservice?: Requester["appservice"] } | "new user",
  ): Promise<void>;
  /** Counts the user as active, at most once an hour and only while there is room for one more; in the background. */
  note(cached: CachedToken): void;
  /** Forgets those who have not been here for 30 days. */
  reap(): Promise<void>;
}

interface Deps {
  readonly db: Database;
  readonly clock: Clock;
  readonly config: MonthlyActiveConfig;
  readonly onError: (error: unknown) => void;
}

function refusal({ admin_contact: contact }: MonthlyActiveConfig, message: string, limitType: string): MatrixError {
  const extra = { limit_type: limitType, ...(contact !== undefined && { admin_contact: contact }) };
  return new MatrixError(403, "M_RESOURCE_LIMIT_EXCEEDED", message, extra);
}

/** New accounts do not count yet. */
function isInTrial(
  config: MonthlyActiveConfig,
  { appserviceId, createdTs }: { readonly appserviceId: string | null; readonly createdTs: number },
  now: number,
): boolean {
  const ofAppservice = appserviceId === null ? undefined : config.mau_appservice_trial_days[appserviceId];
  return now - createdTs < (ofAppservice ?? config.mau_trial_days) * DAY_MS;
}

export function createMonthlyActive({ db, clock, config, onError }: Deps): MonthlyActive {
  let counted: { readonly at: number; readonly value: Promise<number> } | undefined;
  const reserved = config.mau_limit_reserved_threepids.map((t) => `${t.medium}:${t.address}`);
  const counts = config.limit_usage_by_mau || config.mau_stats_only;
  const exemptUntil = createLru<string, number>(MAX_EXEMPT);

  function count(): Promise<number> {
    const now = clock.now();
    if (!counted || now - counted.at >= COUNT_FRESH_MS) {
      const value = countMonthlyActive(db);
      value.catch(() => (counted = undefined));
      counted = { at: now, value };
    }
    return counted.value;
  }

  async function isExempt(userId: string): Promise<boolean> {
    const [active, user, threepids] = await Promise.all([
      isMonthlyActive(db, userId),
      getUser(db, userId),
      reserved.length > 0 ? getThreepids(db, [userId]) : [],
    ]);
    if (active || threepids.some((t) => reserved.includes(`${t.medium}:${t.address}`))) return true;
    if (!user || user.userType === "support") return user !== undefined;
    return isInTrial(config, user, clock.now());
  }

  async function isKnownExempt(userId: string): Promise<boolean> {
    const now = clock.now();
    if ((exemptUntil.get(userId) ?? 0) > now) return true;
    const exempt = await isExempt(userId);
    if (exempt) exemptUntil.set(userId, now + EXEMPT_MS);
    return exempt;
  }

  /** On a full server those who were not active do not become so by asking for something. */
  async function remember(userId: string, now: number): Promise<void> {
    const isFull = config.limit_usage_by_mau && (await count()) >= config.max_mau_value;
    if (!isFull || (await isMonthlyActive(db, userId))) await markMonthlyActive(db, [userId], now);
  }

  return {
    async check(who) {
      if (who !== "new user" && who.isAdmin) return;
      if (config.hs_disabled) throw refusal(config, config.hs_disabled_message, "hs_disabled");
      if (!config.limit_usage_by_mau) return;
      if (who !== "new user" && who.appservice && !config.track_appservice_user_ips) return;
      if ((await count()) < config.max_mau_value) return;
      if (who !== "new user" && (await isKnownExempt(who.userId))) return;
      throw refusal(config, "Monthly Active User Limit Exceeded", "monthly_active_user");
    },
    note(cached) {
      const now = clock.now();
      if (!counts || now - cached.activeTs < HOUR_MS) return;
      cached.activeTs = now;
      const { owner } = cached;
      if (owner.isGuest || owner.userType === "support" || isInTrial(config, owner, now)) return;
      void remember(owner.userId, now).catch(onError);
    },
    reap: () => reapMonthlyActive(db, clock.now() - WINDOW_MS, config.limit_usage_by_mau ? config.max_mau_value : 2_147_483_647, reserved),
  };
}
