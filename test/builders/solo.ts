import { chmodSync, chownSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, serverState } from "../../src/storage/embeddedServer";
import { testValues } from "./config";
import { answers, freePorts, says, startProgram } from "./process";
import type { TestProcess } from "./process";

/** One process with the embedded database, in a directory of its own. */
export interface Solo {
  readonly directory: string;
  readonly url: string;
  /** The last one that was started. */
  process(): TestProcess;
  /** Starts it, also once more, and waits until it answers. */
  start(): Promise<void>;
  /** Ends the database and all its processes as a crash of the machine would. */
  killDatabase(): void;
  /** Ends what runs and removes the directory. */
  close(): Promise<void>;
}

export interface SoloOptions {
  /** Laid over its configuration. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /** Runs it as this user. */
  readonly uid?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function createSolo({ shared = {}, uid, environment = {} }: SoloOptions = {}): Promise<Solo> {
  const directory = emptyDirectory(uid);
  const [port] = await freePorts(1);
  const log = {
    version: 1,
    handlers: { file: { class: "logging.FileHandler", filename: join(directory, "homeserver.log") } },
    root: { level: "INFO", handlers: ["file"] },
  };
  writeFileSync(join(directory, "log.yaml"), JSON.stringify(log));
  const config = {
    ...testValues,
    log_config: join(directory, "log.yaml"),
    enable_registration: true,
    enable_registration_without_verification: true,
    report_stats: false,
    database: { name: "sqlite3", args: { database: join(directory, "homeserver.db") } },
    listeners: [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }],
    ...shared,
  };
  writeFileSync(join(directory, "homeserver.yaml"), JSON.stringify(config, undefined, 2));
  const url = `http://127.0.0.1:${port}`;
  let current: TestProcess | undefined;
  return {
    directory,
    url,
    process() {
      if (!current) throw new Error("it was not started");
      return current;
    },
    async start() {
      current = await startProgram({ cwd: directory, args: ["-c", "homeserver.yaml"], uid, environment });
      await answers(current, url);
    },
    killDatabase: () => killDatabase(directory),
    async close() {
      await current?.kill();
      killDatabase(directory);
      rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** A new directory that belongs to the user. */
export function emptyDirectory(uid?: number): string {
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-solo-"));
  // the database runs as another user when we are root
  chmodSync(directory, 0o755);
  if (uid !== undefined) chownSync(directory, uid, uid);
  return directory;
}

export interface FirstStart {
  readonly process: TestProcess;
  readonly url: string;
}

/**
 * Starts the program for the first time in an empty directory, as somebody would who tries it out. Where something else has its usual
 * port it says so and ends; then it is started again with another port in the file that it wrote.
 */
export async function firstStart(directory: string, uid?: number): Promise<FirstStart> {
  const process = await startProgram({ cwd: directory, uid });
  try {
    await says(process, /answers at/);
    return { process, url: "http://127.0.0.1:8008" };
  } catch (error) {
    if (!/port 8008: something else listens there/.test(process.stderr())) throw error;
    const file = join(directory, "data", "homeserver.yaml");
    const [port = 0] = await freePorts(1);
    writeFileSync(file, readFileSync(file, "utf8").replace("port: 8008", `port: ${port}`));
    const again = await startProgram({ cwd: directory, uid });
    const url = `http://127.0.0.1:${port}`;
    await answers(again, url);
    return { process: again, url };
  }
}

/** SIGKILL for every process of the embedded database below a directory: its server first, so that it starts no others. */
export function killDatabase(directory: string): void {
  const cluster = join(directory, "homeserver.pgdata", "cluster");
  const state = serverState(cluster);
  if (state && isAlive(state.pid)) kill(state.pid);
  if (process.platform !== "linux") return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) if (worksIn(pid, cluster)) kill(Number(pid));
}

/** All processes of a PostgreSQL server have its cluster as their working directory. */
function worksIn(pid: string, cluster: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster);
  } catch {
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
