import { chmodSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, serverState } from "../../src/storage/embeddedServer";
import { testValues } from "./config";
import { answers, freePorts, startProgram } from "./process";
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

/** Writes a configuration; `shared` is laid over it. */
export async function createSolo(shared: Readonly<Record<string, unknown>> = {}): Promise<Solo> {
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-solo-"));
  // the database runs as another user when we are root
  chmodSync(directory, 0o755);
  const [port] = await freePorts(1);
  const config = {
    ...testValues,
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
      current = await startProgram({ cwd: directory, args: ["-c", "homeserver.yaml"] });
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
