import { readdirSync, readlinkSync, realpathSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import { EmbeddedDatabaseError } from "./embeddedBinaries";
import { configure } from "./embeddedCluster";
import { isAlive, serverState, spawnServer, type Cluster, type ServerState } from "./embeddedServer";

interface Context {
  readonly cluster: Cluster;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
}

const POLL_MS = 10;
/** Backends of a server that was killed notice it within moments, and until then no other may start. */
const ORPHANS_MS = 15_000;
const PATIENCE_MS = 10_000;
const FAST_STOP_MS = 60_000;
const IMMEDIATE_STOP_MS = 10_000;

/**
 * Sees to it that a server runs on the cluster: adopts one that outlived a killed process, or starts one. Answers how a server
 * that was started here ends, or undefined for an adopted one. Recovery after a crash is waited for, however long.
 */
export async function ensureRunning(context: Context): Promise<{ readonly exited: Promise<string> | undefined }> {
  const { cluster, clock } = context;
  const orphansUntil = clock.monotonic() + ORPHANS_MS;
  for (;;) {
    const found = runningServer(cluster.directory);
    if (found) {
      if (found.status === "ready") return { exited: undefined };
      await becomesReady(context, found.pid, () => isAlive(found.pid));
      continue;
    }
    removeStalePidFile(cluster.directory);
    configure(cluster, context.settings);
    const server = spawnServer(cluster);
    let reason: string | undefined;
    void server.exited.then((text) => (reason = text));
    if (await becomesReady(context, server.pid, () => reason === undefined)) return { exited: server.exited };
    // Another process may have started one in the same moment; then that one is the server.
    if (runningServer(cluster.directory)) continue;
    if (/shared memory block|lock file/.test(reason ?? "") && clock.monotonic() < orphansUntil) await sleep(200);
    else throw new EmbeddedDatabaseError(`the embedded database does not start: ${reason}${spaceLeft(cluster)} (log: ${cluster.logFile})`);
  }
}

/** Less than a server needs to say in its log why it ends: then we have to say it. */
const LOG_BYTES = 64 * 1024;

function spaceLeft({ directory }: Cluster): string {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < LOG_BYTES ? "; no space left on device" : "";
}

async function becomesReady({ cluster, clock, log }: Context, pid: number, lives: () => boolean): Promise<boolean> {
  let next = clock.monotonic() + PATIENCE_MS;
  while (lives()) {
    const state = serverState(cluster.directory);
    if (state?.pid === pid && state.status === "ready") return true;
    if (clock.monotonic() > next) {
      next += PATIENCE_MS;
      log.info(`waiting for the embedded database, which is ${state?.status ?? "starting"}`);
    }
    await sleep(POLL_MS);
  }
  return false;
}

/** Shuts the server down cleanly: sessions are ended, running statements rolled back. */
export async function stopServer({ cluster, clock, log }: Omit<Context, "settings">): Promise<void> {
  const running = runningServer(cluster.directory);
  if (!running) return;
  const gone = async (signal: NodeJS.Signals, limitMs: number): Promise<boolean> => {
    if (isAlive(running.pid)) process.kill(running.pid, signal);
    const end = clock.monotonic() + limitMs;
    while (isAlive(running.pid) && clock.monotonic() < end) await sleep(POLL_MS);
    return !isAlive(running.pid);
  };
  if (await gone("SIGINT", FAST_STOP_MS)) return;
  log.warn("the embedded database does not stop: it is stopped without a checkpoint and will recover at the next start");
  if (!(await gone("SIGQUIT", IMMEDIATE_STOP_MS))) log.error(`the embedded database, process ${running.pid}, does not react to signals`);
}

/** The server of this directory, if postmaster.pid names a live process that really is one. */
function runningServer(directory: string): ServerState | undefined {
  const state = serverState(directory);
  return state && isAlive(state.pid) && worksIn(state.pid, realpathSync(directory)) ? state : undefined;
}

/** The server and its backends have the cluster as their working directory. Elsewhere than on Linux the pid has to do. */
function worksIn(pid: number | string, directory: string): boolean {
  if (process.platform !== "linux") return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === directory;
  } catch {
    return false;
  }
}

/**
 * The server removes a pid file itself when its process is gone. It gives up when that number is alive, which after a restart
 * of a container is the rule: numbers are low there, and some other program has it. The file is removed only when no process
 * at all works in the cluster, not even an orphaned backend: two servers on one cluster destroy it.
 */
function removeStalePidFile(directory: string): void {
  const state = serverState(directory);
  if (process.platform !== "linux" || (state && !isAlive(state.pid))) return;
  const real = realpathSync(directory);
  if (readdirSync("/proc").some((name) => /^\d+$/.test(name) && worksIn(name, real))) return;
  rmSync(join(directory, "postmaster.pid"), { force: true });
}
