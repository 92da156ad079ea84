import { join } from "node:path";
import { rmSync, writeFileSync } from "node:fs";
import { createTestDatabase } from "../builders/database";
import { startDeployment } from "../builders/deployment";
import { answers, freePorts, startProgram } from "../builders/process";
import type { TestProcess } from "../builders/process";
import { createSolo, emptyDirectory, killDatabase } from "../builders/solo";

/** A server with two addresses for its clients; of a single process they are the same. */
export interface Server {
  readonly urls: readonly [string, string];
  /** Ends all of its processes, or lets them crash, and starts them again. */
  restart(end?: "stop" | "kill"): Promise<void>;
  close(): Promise<void>;
}

/** In an empty directory, with the configuration that the program writes, and what an operator would add to try it with friends. */
export async function onEmbeddedDatabase(): Promise<Server> {
  const cwd = emptyDirectory();
  const [port] = await freePorts(1);
  const generation = await startProgram({
    cwd,
    args: ["--generate-config", "-H", "chat.test", "--report-stats=no", "-c", "homeserver.yaml"],
  });
  if ((await generation.end()) !== 0) throw new Error(generation.stderr());
  const additions = {
    listeners: [{ port, type: "http", bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }],
    enable_registration: true,
    enable_registration_without_verification: true,
    rc_message: { per_second: 1_000, burst_count: 1_000 },
  };
  writeFileSync(join(cwd, "local.yaml"), JSON.stringify(additions));
  const url = `http://127.0.0.1:${port}`;
  const start = async (): Promise<TestProcess> => {
    const started = await startProgram({ cwd, args: ["-c", "homeserver.yaml", "-c", "local.yaml"] });
    await answers(started, url);
    return started;
  };
  let process = await start();
  return {
    urls: [url, url],
    async restart(end = "stop") {
      await process[end]();
      process = await start();
    },
    async close() {
      await process.stop().finally(() => killDatabase(cwd));
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

export async function onDatabaseServer(additions: Readonly<Record<string, unknown>> = {}): Promise<Server> {
  const database = await createTestDatabase({ empty: true });
  const { host, port, user } = database.options;
  const solo = await createSolo({
    shared: { database: { name: "psycopg2", args: { host, port, user, dbname: database.name, cp_min: 1, cp_max: 5 } }, ...additions },
  });
  await solo.start();
  return {
    urls: [solo.url, solo.url],
    async restart(end = "stop") {
      await solo.process()[end]();
      await solo.start();
    },
    async close() {
      await solo.process().stop();
      await solo.close();
      await database.drop();
    },
  };
}

/** Whoever comes to the second address is a client of a worker, which writes some of the streams. */
export async function onTwoProcesses(): Promise<Server> {
  const shared = { stream_writers: { typing: ["worker1"], receipts: ["worker1"] } };
  const deployment = await startDeployment({ workers: ["worker1"], empty: true, shared });
  return {
    urls: [deployment.url("main"), deployment.url("worker1")],
    async restart(end = "stop") {
      await Promise.all(["main", "worker1"].map((name) => deployment.process(name)[end]()));
      await Promise.all(["main", "worker1"].map((name) => deployment.start(name)));
    },
    close: () => deployment.close(),
  };
}
