import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseOptions } from "../../src/storage/databaseOptions";
import { chooseIdentity, locateBinaries } from "../../src/storage/embeddedBinaries";
import {
  CLUSTER_PORT,
  CLUSTER_USER,
  initialise,
  isAlive,
  serverState,
  spawnServer,
  writeSettings,
  type Cluster,
} from "../../src/storage/embeddedServer";

const PREFIX = "synapse-ts-test-";
/** In memory where possible. Data is thrown away at the end, so nothing has to reach a disk. */
const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** The folder of this test run, shared by its processes. It is only made once a test asks for a database. */
export function planDirectory(): string {
  return join(base, `${PREFIX}${process.pid}`);
}

/** Removes what runs that were killed left behind. */
export function removeStale(): void {
  for (const name of readdirSync(base)) {
    const match = /^synapse-ts-test-(\d+)$/.exec(name);
    if (match && !isAlive(Number(match[1]))) stopTestServer(join(base, name));
  }
}

/** Starts the server of this run unless it runs already, and answers how to reach it. */
export async function testServer(directory: string): Promise<DatabaseOptions> {
  const ready = join(directory, "ready");
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  await locked(directory, "server", async () => {
    if (existsSync(ready)) return;
    const binaries = locateBinaries();
    const cluster: Cluster = {
      binaries,
      identity: chooseIdentity(binaries, directory, undefined),
      directory: join(directory, "data"),
      socketDirectory: join(directory, "data"),
      logFile: join(directory, "log"),
    };
    await initialise(cluster);
    writeSettings(cluster, {
      listen_addresses: "",
      max_connections: 300,
      shared_buffers: "32MB",
      dynamic_shared_memory_type: "mmap",
      fsync: "off",
      full_page_writes: "off",
      wal_level: "minimal",
      max_wal_senders: 0,
      max_wal_size: "512MB",
      autovacuum: "off",
      log_min_messages: "warning",
      log_min_error_statement: "panic",
    });
    const server = spawnServer(cluster);
    let exited: string | undefined;
    void server.exited.then((reason) => (exited = reason));
    while (serverState(cluster.directory)?.status !== "ready") {
      if (exited !== undefined) throw new Error(`the test database does not start: ${exited}`);
      await sleep(10);
    }
    writeFileSync(ready, "");
  });
  return { host: join(directory, "data"), port: CLUSTER_PORT, user: CLUSTER_USER, database: "postgres" };
}

export function stopTestServer(directory: string): void {
  const state = serverState(join(directory, "data"));
  // Nobody misses the data, so the quickest way: SIGQUIT is "immediate shutdown".
  if (state && isAlive(state.pid) && isServerOf(state.pid, directory)) process.kill(state.pid, "SIGQUIT");
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

/** A number in a left over file may meanwhile belong to another process. */
function isServerOf(pid: number, directory: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(directory);
  } catch {
    return process.platform !== "linux";
  }
}

/** Runs work while no other process of the run does. */
export async function locked<T>(directory: string, name: string, work: () => Promise<T>): Promise<T> {
  const lock = join(directory, `${name}.lock`);
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (performance.now() > deadline) throw new Error(`${lock} is held by a process that died: stop this run`, { cause: error });
      await sleep(20);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true });
  }
}
