import { createClientAuthenticator } from "../../../src/handlers/auth/authenticate";
import { createAccount } from "../../../src/handlers/account/createAccount";
import { logout } from "../../../src/handlers/account/devices";
import { requesterFor } from "../../../src/handlers/requester";
import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createMetrics } from "../../../src/observe/metrics";
import { soloOwnership } from "../../../src/replication/ownership";
import { createApp } from "../../../src/server/app";
import type { RunningApp } from "../../../src/server/app";
import { quietLog } from "../../builders/app";
import { testConfig } from "../../builders/config";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { createHub } from "../../builders/hub";

let database: TestDatabase;
let processes: RunningApp[];
const hub = createHub();

beforeAll(async () => {
  database = await createTestDatabase();
  const config = testConfig();
  processes = ["main", "w1"].map((name) =>
    createApp({
      config: { ...config, derived: { ...config.derived, instanceName: name } },
      db: database.db,
      clock: systemClock,
      random: systemRandom,
      log: quietLog,
      metrics: createMetrics("test.local"),
      deployment: { bus: hub.endpoint(), ownership: soloOwnership(name), transport: undefined },
    }),
  );
  await Promise.all(processes.map((running) => running.start()));
});
afterAll(async () => {
  await Promise.all(processes.map((running) => running.stop()));
  await database.drop();
});

/** What the process makes of a token: the user, or the error code. */
async function ask({ app }: RunningApp, accessToken: string): Promise<string> {
  const request = { method: "GET", ip: "10.0.0.1", userAgent: "test", accessToken, query: () => undefined };
  try {
    return (await createClientAuthenticator(app).authenticate(request, "user", []))?.userId ?? "nobody";
  } catch (error) {
    return (error as { errcode: string }).errcode;
  }
}

test.each(["a message", "no message"])("a token that ends on one process ends on the other, with %s", async (how) => {
  const [here, there] = processes as [RunningApp, RunningApp];
  const userId = `@${how.replace(" ", "")}:test.local`;
  const session = await createAccount(here.app, userId, { session: { kind: "lasting" } });
  if (!session) throw new Error("no session");
  for (const process of processes) expect(await ask(process, session.accessToken)).toBe(userId);
  const requester = requesterFor(userId, { deviceId: session.deviceId, accessTokenId: 1 });
  if (how === "a message") await logout(here.app, requester);
  else {
    hub.disconnect();
    await logout(here.app, requester);
  }
  expect(await ask(here, session.accessToken)).toBe("M_UNKNOWN_TOKEN");
  await eventually(async () => (await ask(there, session.accessToken)) === "M_UNKNOWN_TOKEN");
  hub.reconnect();
});
