import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createMetrics } from "../../../src/observe/metrics";
import { createSoloBus } from "../../../src/replication/bus";
import { soloOwnership } from "../../../src/replication/ownership";
import { allGroups } from "../../../src/rest/registry";
import { createApp } from "../../../src/server/app";
import { createListeners } from "../../../src/server/http/listeners";
import { quietLog } from "../../builders/app";
import { testConfig } from "../../builders/config";
import { createTestDatabase } from "../../builders/database";

export interface Answer {
  readonly status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read answers of any shape
  readonly body: any;
}

/** A logged in client. Paths are relative to /_matrix/client/v3. */
export interface Client {
  readonly userId: string;
  readonly deviceId: string;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** A sync from where the last one ended. */
  sync(query?: Record<string, string>): Promise<Answer["body"]>;
}

export interface UserDataServer {
  client(name: string): Promise<Client>;
  close(): Promise<void>;
}

/** All routes of a server over a database of its own. */
export async function createUserDataServer(): Promise<UserDataServer> {
  const database = await createTestDatabase();
  const config = testConfig({ enable_registration: true, enable_registration_without_verification: true });
  const metrics = createMetrics(config.server_name);
  const deployment = { bus: createSoloBus(), ownership: soloOwnership("main"), transport: undefined };
  const running = createApp({ config, db: database.db, clock: systemClock, random: systemRandom, log: quietLog, metrics, deployment });
  await running.start();
  const resources = [{ names: ["client" as const], compress: false }];
  const listener = {
    port: 0,
    bind_addresses: ["127.0.0.1"],
    type: "http" as const,
    tls: false,
    x_forwarded: false,
    resources,
    additional_resources: {},
  };
  const listeners = createListeners({ app: running.app, listeners: [listener], groups: allGroups, log: quietLog, metrics });
  await listeners.open();
  const [url = ""] = listeners.addresses();

  async function call(method: string, path: string, body: unknown, token?: string): Promise<Answer> {
    const response = await fetch(`${url}/_matrix/client/v3${path}`, {
      method,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  return {
    async client(username) {
      const { body } = await call("POST", "/register", { username, password: "sUp3r s3kr1t", auth: { type: "m.login.dummy" } });
      const token: string = body.access_token;
      let since: string | undefined;
      const client: Client = {
        userId: body.user_id,
        deviceId: body.device_id,
        call: (method, path, content) => call(method, path, content, token),
        async sync(query = {}) {
          const all = new URLSearchParams({ ...(since !== undefined && { since }), ...query });
          const answer = await client.call("GET", `/sync?${all.toString()}`);
          expect(answer.status).toBe(200);
          since = answer.body.next_batch;
          return answer.body;
        },
      };
      return client;
    },
    async close() {
      await listeners.close(100);
      await running.stop();
      await database.drop();
    },
  };
}
