import { systemClock } from "../../src/lib/clock";
import { systemRandom } from "../../src/lib/random";
import type { Logger, LoggerFactory } from "../../src/observe/logger";
import { createMetrics } from "../../src/observe/metrics";
import { createSoloBus } from "../../src/replication/bus";
import { soloOwnership } from "../../src/replication/ownership";
import { createApp } from "../../src/server/app";
import type { RunningApp } from "../../src/server/app";
import { testConfig } from "./config";
import { createTestDatabase } from "./database";
import type { TestDatabase } from "./database";

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) =>
    process.stderr.write(
      `${typeof message === "function" ? message() : message} ${String((fields?.error as Error)?.stack ?? JSON.stringify(fields) ?? "")}\n`,
    ),
  isEnabled: () => false,
};

/** A logger that is heard only when something goes wrong. */
export const quietLog: LoggerFactory = () => silent;

export interface TestApp extends RunningApp {
  readonly database: TestDatabase;
  /** Stops everything and removes the database. */
  close(): Promise<void>;
}

/** The collaborators of one process over a database of its own, running, without listeners. */
export async function createTestApp(overrides: Parameters<typeof testConfig>[0] = {}, given?: TestDatabase): Promise<TestApp> {
  const database = given ?? (await createTestDatabase());
  const config = testConfig(overrides);
  const running = createApp({
    config,
    db: database.db,
    clock: systemClock,
    random: systemRandom,
    log: quietLog,
    metrics: createMetrics(config.server_name),
    deployment: { bus: createSoloBus(), ownership: soloOwnership("main"), transport: undefined },
  });
  await running.start();
  return {
    ...running,
    database,
    async close() {
      await running.stop();
      await database.drop();
    },
  };
}
