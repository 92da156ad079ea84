import { mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../src/lib/clock";
import type { DatabaseOptions } from "../../src/storage/databaseOptions";
import { chooseIdentity, locateBinaries } from "../../src/storage/embeddedBinaries";
import { CLUSTER_PORT, CLUSTER_USER, initialise, serverState, spawnServer, writeSettings } from "../../src/storage/embeddedServer";
import type { Cluster } from "../../src/storage/embeddedServer";
import { createDatabase } from "../../src/storage/pool";

/** A PostgreSQL of a test's own, which it may treat badly. */
export interface TestPostgres {
  readonly options: DatabaseOptions;
  /** Ends it as a crash would: it recovers from its log when it starts again. */
  kill(): Promise<void>;
  /** Ends it in order, without waiting for those who are connected. */
  shutDown(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it with all that serve connections; those stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const DATABASE = "faults";
const RESTART_MS = 30_000;

/** Processes whose parent is `pid`. */
function childrenOf(pid: number): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // the name of the program stands in brackets and may hold anything
      const fields = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return Number(fields[1]) === pid ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended meanwhile
  }
}

/** Starts a private server, with a database without tables. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const run = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (!run) throw new Error("run this with jest: its global setup says where databases go");
  const home = join(run, `private-${randomBytes(4).toString("hex")}`);
  mkdirSync(home, { recursive: true, mode: 0o755 });
  const binaries = locateBinaries();
  const cluster: Cluster = {
    binaries,
    identity: chooseIdentity(binaries, home, undefined),
    directory: join(home, "data"),
    socketDirectory: join(home, "data"),
    logFile: join(home, "log"),
  };
  await initialise(cluster);
  writeSettings(cluster, { listen_addresses: "", max_connections: 200, shared_buffers: "32MB", dynamic_shared_memory_type: "mmap" });
  let server: { readonly pid: number; readonly exited: Promise<string> } | undefined;
  let frozen: number[] = [];

  /** After a crash the memory of the server before is in use until the last of its processes has noticed. */
  async function start(): Promise<void> {
    const deadline = performance.now() + RESTART_MS;
    for (;;) {
      const started = spawnServer(cluster);
      let exited: string | undefined;
      void started.exited.then((reason) => (exited = reason));
      server = started;
      for (;;) {
        const state = serverState(cluster.directory);
        if (state?.pid === started.pid && state.status === "ready") return;
        if (exited !== undefined) break;
        await sleep(20);
      }
      if (performance.now() > deadline) throw new Error(`the private database does not start: ${exited}`);
      await sleep(100);
    }
  }

  async function end(name: NodeJS.Signals): Promise<void> {
    if (!server) return;
    const { pid, exited } = server;
    server = undefined;
    process.off("exit", atExit);
    signal(pid, name);
    await exited;
  }

  const atExit = (): void => {
    if (server) signal(server.pid, "SIGQUIT");
  };
  const postgres: TestPostgres = {
    options: { host: cluster.socketDirectory, port: CLUSTER_PORT, user: CLUSTER_USER, database: DATABASE },
    kill: () => end("SIGKILL"),
    shutDown: () => end("SIGINT"),
    restart: async () => {
      await start();
      process.once("exit", atExit);
    },
    freeze() {
      if (!server) return;
      signal(server.pid, "SIGSTOP");
      frozen = childrenOf(server.pid);
      for (const pid of frozen) signal(pid, "SIGSTOP");
    },
    thaw() {
      for (const pid of frozen) signal(pid, "SIGCONT");
      frozen = [];
      if (server) signal(server.pid, "SIGCONT");
    },
    async stop() {
      postgres.thaw();
      await end("SIGQUIT");
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
  await postgres.restart();
  const admin = await createDatabase({ ...postgres.options, database: "postgres", min: 0, max: 1 }, { clock: systemClock });
  try {
    await admin.session((session) => session.script(`create database ${DATABASE} template template0 encoding 'UTF8' locale 'C'`));
  } finally {
    await admin.close();
  }
  return postgres;
}
