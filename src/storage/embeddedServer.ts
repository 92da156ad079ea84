import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedDatabaseError, serverEnvironment, type Identity } from "./embeddedBinaries";

/** A folder with a database cluster and how to run it. The server's socket lies in the folder `socketDirectory`. */
export interface Cluster {
  readonly binaries: string;
  readonly identity: Identity;
  readonly directory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
}

/** The only user of the cluster. Whoever can reach the socket is let in; the socket's folder is closed to others. */
export const CLUSTER_USER = "synapse_ts";
/** Only part of the socket's file name: the server does not listen on the network. */
export const CLUSTER_PORT = 5432;
const LOG_LIMIT = 5_000_000;

/**
 * Makes a cluster in `cluster.directory`. It is made beside that and renamed when ready, so that an interrupted run leaves
 * nothing that looks like a database, and of two processes that do this at once one wins.
 */
export async function initialise(cluster: Cluster): Promise<void> {
  const draft = `${cluster.directory}.new-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const { uid, gid } = cluster.identity;
  if (uid !== undefined && gid !== undefined) chownSync(draft, uid, gid);
  const options = ["-D", draft, "-U", CLUSTER_USER, "-A", "trust", "--locale=C", "-E", "UTF8"];
  const child = run(cluster, "initdb", options, "pipe");
  let output = "";
  child.stderr?.on("data", (data: Buffer) => (output += data.toString()));
  const status = await exitOf(child);
  if (status !== "exit status 0") {
    rmSync(draft, { recursive: true, force: true });
    throw new EmbeddedDatabaseError(`the embedded database could not be created in ${cluster.directory}: ${tellingLine(output) ?? status}`);
  }
  try {
    renameSync(draft, cluster.directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(join(cluster.directory, "PG_VERSION"))) throw error;
  }
}

/** Writes postgresql.conf anew; an operator's own settings are read after it from postgresql.local.conf. */
export function writeSettings(cluster: Cluster, settings: Readonly<Record<string, string | number>>): void {
  const lines = Object.entries({ ...settings, unix_socket_directories: cluster.socketDirectory }).map(
    ([key, value]) => `${key} = ${typeof value === "number" ? value : `'${value.replaceAll("'", "''")}'`}`,
  );
  const head = "# Written at every start. Put settings of your own into postgresql.local.conf beside this file.";
  writeFileSync(join(cluster.directory, "postgresql.conf"), [head, ...lines, "include_if_exists = 'postgresql.local.conf'", ""].join("\n"));
}

/**
 * Starts the server as a process of its own group, which a signal from the terminal does not reach. It answers before the
 * server is ready: see serverState.
 */
export function spawnServer(cluster: Cluster): { readonly pid: number; readonly exited: Promise<string> } {
  const previous = statSync(cluster.logFile, { throwIfNoEntry: false });
  if (previous && previous.size > LOG_LIMIT) renameSync(cluster.logFile, `${cluster.logFile}.old`);
  const log = openSync(cluster.logFile, "a", 0o600);
  const start = statSync(cluster.logFile).size;
  const child = run(cluster, "postgres", ["-D", cluster.directory], log);
  closeSync(log);
  child.unref();
  const exited = exitOf(child).then((status) => tellingLine(readFrom(cluster.logFile, start)) ?? status);
  return { pid: child.pid ?? 0, exited };
}

export interface ServerState {
  readonly pid: number;
  /** "starting" (also: recovering after a crash), "ready", "stopping", "standby". */
  readonly status: string;
}

/** What postmaster.pid says; it may be left over from a server that is no more. */
export function serverState(directory: string): ServerState | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(directory, "postmaster.pid"), "utf8").split("\n");
  } catch {
    return undefined;
  }
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, status: (lines[7] ?? "starting").trim() } : undefined;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function readFrom(file: string, start: number): string {
  try {
    return readFileSync(file).subarray(start).toString();
  } catch {
    return "";
  }
}

/** What an operator needs to know: the last PANIC or FATAL that tells why, or for want of that the last line. */
function tellingLine(output: string): string | undefined {
  const lines = output
    .split("\n")
    .filter((line) => line.trim() !== "" && !/terminating connection|the database system is|does not exist/.test(line));
  const last = (pattern: RegExp): string | undefined => lines.findLast((line) => pattern.test(line));
  // what it says last is only what came of that
  const line = last(/No space left on device/) ?? last(/PANIC:/) ?? last(/FATAL:/) ?? last(/error:|could not/) ?? lines.at(-1);
  return line?.replace(/^[\d-]+ [\d:.]+ \w+ \[\d+\] /, "").trim();
}

function run(cluster: Cluster, program: string, options: readonly string[], output: number | "pipe"): ChildProcess {
  const { prefix, uid, gid } = cluster.identity;
  const [file = "", ...args] = [...prefix, join(cluster.binaries, program), ...options];
  return spawn(file, args, {
    uid,
    gid,
    detached: true,
    cwd: "/",
    env: serverEnvironment(),
    stdio: ["ignore", output === "pipe" ? "ignore" : output, output],
  });
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ? `killed by ${signal}` : `exit status ${code}`));
  });
}
