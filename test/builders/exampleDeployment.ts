import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { testValues } from "./config";
import { createTestDatabase } from "./database";
import { freePorts, says, startProgram } from "./process";
import type { TestProcess } from "./process";
import { startTestRedis } from "./redis";

export const examplesFolder = join(__dirname, "..", "..", "examples");

/** Of a folder below examples/, or "" for examples/ itself: the names of its workers, which are those of their files. */
export function workersOf(example: string): string[] {
  return readdirSync(join(examplesFolder, example, "workers"))
    .map((file) => file.replace(".yaml", ""))
    .sort();
}

export interface ExampleDeployment {
  /** Where its files are, on this machine. */
  readonly folder: string;
  /** The address that the process `name` listens at for clients. */
  url(name: string): string;
  process(name: string): TestProcess;
  start(name: string): Promise<void>;
  close(): Promise<void>;
}

/** What is ready says so; besides, only what is wrong. */
const logConfig = {
  version: 1,
  formatters: { plain: { format: "%(name)s - %(levelname)s - %(message)s" } },
  handlers: { console: { class: "logging.StreamHandler", formatter: "plain", stream: "ext://sys.stdout" } },
  loggers: { "synapse.app": { level: "INFO" } },
  root: { level: "WARNING", handlers: ["console"] },
};

/**
 * Starts all processes of an example as it is written. Of its files nothing changes but ports and folders, which are free ones of this
 * machine, and the addresses of containers; database, Redis and registration are what an operator has to fill in, in a file that is laid over them.
 */
export async function startExample(example: string): Promise<ExampleDeployment> {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-example-"));
  const [database, redis] = await Promise.all([createTestDatabase(), startTestRedis()]);
  await copyFiles(join(examplesFolder, example), folder);
  writeFileSync(join(folder, "log.yaml"), JSON.stringify(logConfig));
  const { host, port, user } = database.options;
  const { server_name: _name, registration_shared_secret: _secret, ...values } = testValues;
  const filledIn = {
    ...values,
    enable_registration: true,
    enable_registration_without_verification: true,
    database: { name: "psycopg2", args: { host, port, user, dbname: database.name, cp_min: 1, cp_max: 3 } },
    // Where the example has none, there is none.
    ...(/^redis:/m.test(readFileSync(join(folder, "homeserver.yaml"), "utf8")) ? { redis: redis.config } : {}),
  };
  writeFileSync(join(folder, "filled-in.yaml"), JSON.stringify(filledIn));

  const processes = new Map<string, TestProcess>();
  const deployment: ExampleDeployment = {
    folder,
    url: (name) => `http://127.0.0.1:${clientPort(folder, name)}`,
    process(name) {
      const process = processes.get(name);
      if (!process) throw new Error(`${name} was not started`);
      return process;
    },
    async start(name) {
      const worker = name === "main" ? [] : ["-c", `workers/${name}.yaml`];
      const process = await startProgram({ cwd: folder, args: ["-c", "homeserver.yaml", ...worker, "-c", "filled-in.yaml"] });
      processes.set(name, process);
      await says(process, /is ready at/);
    },
    async close() {
      const crashed = [...processes].filter(([, process]) => process.ended() !== undefined);
      const results = await Promise.allSettled([...processes.values()].map((process) => process.stop()));
      await redis.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
      for (const [name, process] of crashed)
        throw new Error(`${name} ended by itself (${process.ended()}): ${process.stdout()}${process.stderr()}`);
      for (const result of results) if (result.status === "rejected") throw result.reason;
    },
  };
  try {
    await Promise.all(["main", ...workersOf(example)].map((name) => deployment.start(name)));
  } catch (error) {
    await deployment.close().catch(() => undefined);
    throw error;
  }
  return deployment;
}

async function copyFiles(from: string, to: string): Promise<void> {
  cpSync(join(from, "workers"), join(to, "workers"), { recursive: true });
  cpSync(join(from, "homeserver.yaml"), join(to, "homeserver.yaml"));
  const files = [join(to, "homeserver.yaml"), ...readdirSync(join(to, "workers")).map((file) => join(to, "workers", file))];
  const texts = files.map((file) => readFileSync(file, "utf8"));
  // In containers each process has ports of its own.
  const areApart = existsSync(join(from, "compose.yaml"));
  const placeOf = (host: string, port: string): string => (areApart ? `${host}:${port}` : port);
  const hosts = files.map((file) => (basename(file) === "homeserver.yaml" ? "main" : basename(file, ".yaml")));
  const places = new Set(
    texts.flatMap((text, i) => [...text.matchAll(/port: (\d{4})\b/g)].map(([, port = ""]) => placeOf(hosts[i] ?? "", port))),
  );
  const free = await freePorts(places.size);
  const mapped = new Map([...places].map((place, i) => [place, String(free[i])]));
  files.forEach((file, i) => {
    const text = (texts[i] ?? "")
      .replace(/host: (\w+), port: (\d{4})\b/g, (whole, host: string, port: string) =>
        mapped.has(`${host}:${port}`) ? `host: 127.0.0.1, port: ${mapped.get(`${host}:${port}`)}` : whole,
      )
      .replace(/(?<=port: |127\.0\.0\.1:)\d{4}\b/g, (port) => mapped.get(placeOf(hosts[i] ?? "", port)) ?? port)
      .replaceAll("0.0.0.0", "127.0.0.1")
      .replaceAll(/\/etc\/matrix-synapse|\/var\/lib\/matrix-synapse|(?<= )\/(?:config|data)(?=\/)/g, to);
    writeFileSync(file, text);
  });
}

/** The port of the first listener that clients may come to. */
function clientPort(folder: string, name: string): string {
  const file = name === "main" ? "homeserver.yaml" : `workers/${name}.yaml`;
  const text = existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : "";
  const listener = text.split(/^ {2}- /m).find((part) => /names: \[.*\b(client|media|federation)\b/.test(part)) ?? "";
  const port = /^\s*port: (\d+)/m.exec(listener)?.[1] ?? /^port: (\d+)/m.exec(listener)?.[1];
  if (port === undefined) throw new Error(`${name} has no port for clients`);
  return port;
}
