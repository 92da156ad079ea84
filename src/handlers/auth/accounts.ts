import type { CachedToken, TokenCache } from "../../caches/accessTokens";
import { createTokenCache } from "../../caches/accessTokens";
import { createCache } from "../../caches/cache";
import type { Cache } from "../../caches/cache";
import type { Config } from "../../config/config";
import type { Clock } from "../../lib/clock";
import type { JsonObject } from "../../lib/json";
import { createMailer } from "../../remote/mailer";
import type { Mailer } from "../../remote/mailer";
import { createWebClient } from "../../remote/webClient";
import type { WebClient } from "../../remote/webClient";
import { findTokenOwners } from "../../storage/accessTokens";
import type { Database } from "../../storage/db";
import { getDevices } from "../../storage/devices";
import { getErasedUsers, getUsers } from "../../storage/users";
import type { UserRow } from "../../storage/users";
import type { AccountCaches } from "../../streams/accounts";
import { createAccountListeners } from "../account/hooks";
import type { AccountListeners } from "../account/hooks";
import type { UsedNonces } from "../account/sharedSecret";
import type { App } from "../app";
import { createLastSeen } from "./lastSeen";
import type { LastSeen } from "./lastSeen";
import { createMonthlyActive } from "./monthlyActive";
import type { MonthlyActive } from "./monthlyActive";
import { createPasswordHasher } from "./passwords";
import type { PasswordHasher } from "./passwords";
import { hashToken } from "./tokenFormat";

/** What a process holds of accounts: one object beside the database, made once. */
export interface Accounts extends AccountCaches {
  readonly tokens: TokenCache;
  /** Flags of local users, by user id. */
  readonly users: Cache<string, UserRow>;
  /** Device ids of local users, for application services that act as a device. */
  readonly deviceIds: Cache<string, ReadonlySet<string>>;
  /** Whose accounts were erased (client-server API, "POST /account/deactivate", `erase`). In memory, and mostly empty. */
  erased(): Promise<ReadonlySet<string>>;
  readonly passwords: PasswordHasher;
  readonly seen: LastSeen;
  readonly monthlyActive: MonthlyActive;
  readonly listeners: AccountListeners;
  readonly usedNonces: UsedNonces;
  /** Absent when the operator configured no mail. */
  readonly mailer: Mailer | undefined;
  /** For addresses out of the configuration, and for those that users choose. */
  readonly web: WebClient;
  readonly guardedWeb: WebClient;
  /** Set while the server is put together, where a provider is configured. */
  signOn: SignOn | undefined;
  /** Reports what went wrong where no request waits for it. */
  readonly onError: (error: unknown) => void;
}

/** What handlers of accounts ask of the App. */
export type AccountsApp = Pick<
  App,
  | "config"
  | "serverName"
  | "clock"
  | "random"
  | "db"
  | "streams"
  | "accounts"
  | "rateLimiter"
  | "hooks"
  | "background"
  | "log"
  | "templates"
>;

/** Signing on elsewhere (OIDC, SAML, CAS). */
export interface SignOn {
  /** Its flows for GET /login: m.login.sso with `identity_providers`, and m.login.cas where that is configured. */
  flows(): readonly JsonObject[];
  /** Whether the user signed on that way once, so that they can prove themselves so again. */
  knows(userId: string): Promise<boolean>;
  /** What the provider is called. */
  readonly providerName: string;
  /** Where a browser goes to sign on for a client at `redirectUrl`. Throws 404 for unknown providers, 400 for what is no address. */
  loginUrl(idp: string | undefined, redirectUrl: string): string;
  /** Where a browser goes to complete the stage m.login.sso of a session; the callback calls completeStage with the user id. */
  reauthenticationUrl(sessionId: string): Promise<string>;
}

export interface AccountsOptions {
  readonly config: Config;
  readonly db: Database;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

const MAX_TOKENS = 20_000;
const MAX_USERS = 20_000;
const MAX_DEVICE_LISTS = 5_000;
const EVERYBODY = "everybody";
const nobody: ReadonlySet<string> = new Set();

export function createAccounts({ config, db, clock, onError }: AccountsOptions): Accounts {
  const scale = (max: number): number => Math.max(100, Math.round(max * config.caches.global_factor * 2));
  const tokens = createTokenCache(scale(MAX_TOKENS), async (token) => (await findTokenOwners(db, [hashToken(token)]))[0]);
  const users = createCache<string, UserRow>({
    name: "get_user_by_id",
    max: scale(MAX_USERS),
    load: async (ids) => (await getUsers(db, ids)).map((row) => [row.userId, row]),
  });
  const deviceIds = createCache<string, ReadonlySet<string>>({
    name: "device_ids",
    max: scale(MAX_DEVICE_LISTS),
    load: async (ids) => {
      const found = new Map(ids.map((id) => [id, new Set<string>()]));
      for (const device of await getDevices(db, ids)) found.get(device.userId)?.add(device.deviceId);
      return found;
    },
  });
  const erased = createCache<string, ReadonlySet<string>>({
    name: "erased_users",
    max: 1,
    load: async () => [[EVERYBODY, new Set(await getErasedUsers(db))]],
  });
  const userAgent = `synapse-ts${config.user_agent_suffix === undefined ? "" : `; ${config.user_agent_suffix}`}`;
  const certificates = config.use_insecure_ssl_client_just_for_testing_do_not_use ? "ignore" : "verify";
  return {
    tokens,
    users,
    deviceIds,
    erased: async () => (await erased.load(EVERYBODY)) ?? nobody,
    passwords: createPasswordHasher({ rounds: config.bcrypt_rounds, pepper: config.password_config.pepper ?? "" }),
    seen: createLastSeen({ db, clock, onError }),
    monthlyActive: createMonthlyActive({ db, clock, config, onError }),
    listeners: createAccountListeners(),
    usedNonces: new Map(),
    mailer: config.email && createMailer(config.email),
    web: createWebClient({ userAgent, certificates }),
    guardedWeb: createWebClient({
      userAgent,
      certificates,
      blocked: { deny: config.ip_range_blacklist, allow: config.ip_range_whitelist },
    }),
    signOn: undefined,
    onError,
    forgetAccount(userId) {
      tokens.forgetUser(userId);
      users.delete(userId);
      deviceIds.delete(userId);
    },
    forgetErased: () => erased.delete(EVERYBODY),
  };
}

/** Notes that a request was made with this token. */
export function noteActivity(accounts: Accounts, cached: CachedToken, from: { readonly ip: string; readonly userAgent: string }): void {
  const { owner } = cached;
  accounts.monthlyActive.note(cached);
  // An administrator who acts as somebody leaves no trace of presence.
  if (owner.issuedBy !== null) return;
  accounts.seen.note({ userId: owner.userId, deviceId: owner.deviceId ?? undefined, ip: from.ip, userAgent: from.userAgent }, cached);
}
