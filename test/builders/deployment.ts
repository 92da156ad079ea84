import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock";
import type { DatabaseOptions } from "../../src/storage/databaseOptions";
import { createDatabase } from "../../src/storage/pool";
import { register } from "./client";
import type { TestClient } from "./client";
import { testValues } from "./config";
import { createTestDatabase } from "./database";
import type { TestDatabase } from "./database";
import { answers, freePorts, startProgram } from "./process";
import type { TestProcess } from "./process";
import { startTestRedis } from "./redis";
import type { TestRedis } from "./redis";

export interface DeploymentOptions {
  /** Names of generic workers. They are known to all processes; those of `later` start only when asked. */
  readonly workers: readonly string[];
  readonly later?: readonly string[];
  /** Laid over the shared configuration, as in homeserver.yaml. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /** Begins with a database without tables. */
  readonly empty?: boolean;
  /** Laid over the configuration of single workers, by name. */
  readonly own?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Workers that answer clients alone, so that no other process can call them. */
  readonly unreachable?: readonly string[];
  /** Starts a process of another server than ours in the directory, with files of which the first is homeserver.yaml. */
  readonly program?: (directory: string, files: readonly string[]) => TestProcess;
  /** A database on another server than that of the test run; close leaves it alone. */
  readonly server?: DatabaseOptions;
}

/** Processes of one server: main and workers with a Redis and a database. */
export interface TestDeployment {
  readonly redis: TestRedis;
  readonly database: Pick<TestDatabase, "db" | "options" | "drop">;
  /** Where homeserver.yaml and the files of the workers lie, each named as its worker. */
  readonly directory: string;
  /** Where a process answers clients. */
  url(name: string): string;
  process(name: string): TestProcess;
  /** Whether a process of that name runs. */
  has(name: string): boolean;
  /** Starts a process, also once more, and waits until it answers. */
  start(name: string): Promise<void>;
  /** Registers a user; the name gets something added, so that tests may share a deployment. */
  user(name: string, at?: string): Promise<TestClient>;
  close(): Promise<void>;
}

interface Ports {
  readonly client: number;
  readonly replication: number;
}

export async function startDeployment(options: DeploymentOptions): Promise<TestDeployment> {
  const { workers, later = [], empty = false, unreachable = [] } = options;
  const names = ["main", ...workers, ...later];
  const [database, redis, numbers] = await Promise.all([
    options.server ? databaseOn(options.server) : createTestDatabase({ empty }),
    startTestRedis(),
    freePorts(names.length * 2),
  ]);
  const ports = new Map(
    names.map((name, i): [string, Ports] => [name, { client: numbers[2 * i] ?? 0, replication: numbers[2 * i + 1] ?? 0 }]),
  );
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-deployment-"));
  chmodSync(directory, 0o755);
  writeConfiguration(directory, { ports, redis, database, shared: options.shared ?? {}, own: options.own ?? {}, unreachable });
  const processes = new Map<string, TestProcess>();
  let users = 0;

  const deployment: TestDeployment = {
    redis,
    database,
    directory,
    url: (name) => `http://127.0.0.1:${ports.get(name)?.client}`,
    process(name) {
      const process = processes.get(name);
      if (!process) throw new Error(`${name} was not started`);
      return process;
    },
    has: (name) => processes.get(name)?.ended() === undefined && processes.has(name),
    async start(name) {
      const files = name === "main" ? ["homeserver.yaml"] : ["homeserver.yaml", `${name}.yaml`];
      const process = options.program
        ? options.program(directory, files)
        : await startProgram({ cwd: directory, args: files.flatMap((file) => ["--config", file]) });
      processes.set(name, process);
      await answers(process, deployment.url(name));
    },
    user: (name, at = "main") => register(deployment.url(at), `${name}${++users}`),
    async close() {
      const live = [...processes.values()].filter((process) => process.ended() === undefined);
      const results = await Promise.allSettled(live.map((process) => process.stop()));
      await redis.stop();
      await database.drop();
      rmSync(directory, { recursive: true, force: true });
      for (const result of results) if (result.status === "rejected") throw result.reason;
    },
  };
  try {
    await Promise.all(["main", ...workers].map((name) => deployment.start(name)));
  } catch (error) {
    await deployment.close().catch(() => undefined);
    throw error;
  }
  return deployment;
}

interface Shared {
  readonly ports: ReadonlyMap<string, Ports>;
  readonly redis: TestRedis;
  readonly database: Pick<TestDatabase, "options">;
  readonly shared: Readonly<Record<string, unknown>>;
  readonly own: NonNullable<DeploymentOptions["own"]>;
  readonly unreachable: readonly string[];
}

async function databaseOn(options: DatabaseOptions): Promise<TestDeployment["database"]> {
  const db = await createDatabase({ min: 0, max: 2, ...options }, { clock: systemClock });
  return { db, options, drop: () => db.close() };
}

/** Only what is wrong, for the message of a test that fails. */
const logConfig = {
  version: 1,
  formatters: { plain: { format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain" } },
  root: { level: process.env["SYNAPSE_TS_TEST_LOG"] ?? "WARNING", handlers: ["console"] },
};

/** JSON is YAML. */
function writeConfiguration(directory: string, { ports, redis, database, shared, own: special, unreachable }: Shared): void {
  const { host, port, user } = database.options;
  const listener = (number: number | undefined, names: readonly string[]) => ({
    type: "http",
    port: number,
    bind_addresses: ["127.0.0.1"],
    resources: [{ names }],
  });
  const listeners = (own: Ports | undefined) => [
    listener(own?.client, ["client", "federation"]),
    listener(own?.replication, ["replication"]),
  ];
  const write = (name: string, values: object): void => writeFileSync(join(directory, name), JSON.stringify(values, undefined, 2));
  write("log.yaml", logConfig);
  write("homeserver.yaml", {
    ...testValues,
    enable_registration: true,
    enable_registration_without_verification: true,
    report_stats: false,
    log_config: join(directory, "log.yaml"),
    database: { name: "psycopg2", args: { host, port, user, dbname: database.options.database, cp_min: 1, cp_max: 5 } },
    redis: redis.config,
    listeners: listeners(ports.get("main")),
    instance_map: Object.fromEntries(
      [...ports]
        .filter(([name]) => !unreachable.includes(name))
        .map(([name, { replication }]) => [name, { host: "127.0.0.1", port: replication }]),
    ),
    ...shared,
  });
  for (const [name, own] of ports) {
    if (name !== "main")
      write(`${name}.yaml`, {
        worker_app: "synapse.app.generic_worker",
        worker_name: name,
        worker_listeners: unreachable.includes(name) ? [listener(own.client, ["client"])] : listeners(own),
        ...special[name],
      });
  }
}
