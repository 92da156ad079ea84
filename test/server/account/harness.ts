import type { App } from "../../../src/handlers/app";
import type { Clock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createMetrics } from "../../../src/observe/metrics";
import { createSoloBus } from "../../../src/replication/bus";
import { soloOwnership } from "../../../src/replication/ownership";
import { adminRegisterRoutes } from "../../../src/rest/admin/register";
import { accountRoutes, openIdRoutes, passwordRoutes, whoisRoutes } from "../../../src/rest/client/account";
import { deviceRoutes } from "../../../src/rest/client/devices";
import { loginRoutes, loginTokenRoutes } from "../../../src/rest/client/login";
import { loginPageRoutes } from "../../../src/rest/client/loginPage";
import { logoutRoutes } from "../../../src/rest/client/logout";
import { registerRoutes } from "../../../src/rest/client/register";
import { signOnRoutes } from "../../../src/rest/client/signOn";
import { threepidRoutes } from "../../../src/rest/client/threepids";
import { threepidValidationRoutes } from "../../../src/rest/client/threepidValidation";
import { uiaFallbackRoutes } from "../../../src/rest/client/uiaFallback";
import { versionRoutes } from "../../../src/rest/client/versions";
import { wellKnownRoutes } from "../../../src/rest/client/wellKnown";
import { openIdUserInfoRoutes } from "../../../src/rest/federation/openId";
import { createApp } from "../../../src/server/app";
import { createListeners } from "../../../src/server/http/listeners";
import { quietLog } from "../../builders/app";
import { testConfig } from "../../builders/config";
import { createTestDatabase } from "../../builders/database";

export const accountGroups = [
  registerRoutes,
  signOnRoutes,
  loginRoutes,
  loginTokenRoutes,
  loginPageRoutes,
  logoutRoutes,
  deviceRoutes,
  accountRoutes,
  passwordRoutes,
  openIdRoutes,
  openIdUserInfoRoutes,
  whoisRoutes,
  threepidRoutes,
  threepidValidationRoutes,
  uiaFallbackRoutes,
  versionRoutes,
  wellKnownRoutes,
  adminRegisterRoutes,
];

/** Fields of an answer that tests read; whatever else it holds is there too. */
export interface Body {
  readonly errcode: string;
  readonly error: string;
  readonly user_id: string;
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in_ms: number;
  readonly device_id: string;
  readonly session: string;
  readonly flows: { stages: string[]; type: string }[];
  readonly completed: string[];
  readonly params: Record<string, Record<string, unknown>>;
  readonly soft_logout: boolean;
  readonly devices: { device_id: string; display_name: string }[];
  readonly [key: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly text: string;
  readonly headers: Headers;
}

export interface AccountServer {
  readonly app: App;
  readonly url: string;
  /** Time goes on by so many ms. */
  advance(ms: number): void;
  call(
    method: string,
    path: string,
    options?: { token?: string; body?: unknown; headers?: Record<string, string>; form?: Record<string, string> },
  ): Promise<Answer>;
  /** Registers with the dummy stage. */
  register(username: string, extra?: Record<string, unknown>): Promise<Body>;
  login(username: string, extra?: Record<string, unknown>): Promise<Body>;
  close(): Promise<void>;
}

export const PASSWORD = "sUp3r s3kr1t";
export const v3 = (path: string): string => `/_matrix/client/v3${path}`;

/** `auth` of a request that proves itself by password. */
export const byPassword = (user: string, password = PASSWORD) => ({
  type: "m.login.password",
  identifier: { type: "m.id.user", user },
  password,
});

/** A server of account routes alone, over a database of its own, with a clock that tests move. */
export async function createAccountServer(
  overrides: Parameters<typeof testConfig>[0] = {},
  prepare: (app: App) => void = () => undefined,
): Promise<AccountServer> {
  const database = await createTestDatabase();
  let offset = 0;
  const clock: Clock = { now: () => Date.now() + offset, monotonic: () => performance.now() + offset };
  const config = testConfig({
    enable_registration: true,
    enable_registration_without_verification: true,
    allow_guest_access: true,
    ...overrides,
  });
  const metrics = createMetrics(config.server_name);
  const running = createApp({
    config,
    db: database.db,
    clock,
    random: systemRandom,
    log: quietLog,
    metrics,
    deployment: { bus: createSoloBus(), ownership: soloOwnership("main"), transport: undefined },
  });
  prepare(running.app);
  await running.start();
  const listeners = createListeners({
    app: running.app,
    listeners: [
      {
        port: 0,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        tls: false,
        x_forwarded: true,
        resources: [{ names: ["client", "openid"], compress: false }],
        additional_resources: {},
      },
    ],
    groups: accountGroups,
    log: quietLog,
    metrics,
  });
  await listeners.open();
  const [url = ""] = listeners.addresses();

  const call: AccountServer["call"] = async (method, path, { token, body, headers, form } = {}) => {
    const content = form ? new URLSearchParams(form) : body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(url + path, {
      method,
      redirect: "manual",
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(content !== undefined && { body: content }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    return { status: response.status, body: (isJson ? JSON.parse(text) : {}) as Body, text, headers: response.headers };
  };

  async function expectOk(answer: Promise<Answer>): Promise<Body> {
    const { status, text, body } = await answer;
    if (status !== 200) throw new Error(`${status} ${text}`);
    return body;
  }

  return {
    app: running.app,
    url,
    advance: (ms) => void (offset += ms),
    call,
    register: (username, extra = {}) =>
      expectOk(call("POST", v3("/register"), { body: { username, password: PASSWORD, auth: { type: "m.login.dummy" }, ...extra } })),
    login: (username, extra = {}) => expectOk(call("POST", v3("/login"), { body: { ...byPassword(username), ...extra } })),
    async close() {
      await listeners.close(1_000);
      await running.stop();
      await database.drop();
    },
  };
}
