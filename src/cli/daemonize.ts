import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { UserError } from "./io";

/** Set in the environment of the child, which then stays in its foreground. */
const MARK = "SYNAPSE_TS_DAEMON";

export function isDaemonChild(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment[MARK] !== undefined;
}

interface Report {
  /** Absent when the process is ready. */
  readonly failure?: string;
}

/** Starts the same command once more, detached from this terminal. Resolves when it is ready. Throws UserError when it ends before. */
export function startDaemon(): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: { ...process.env, [MARK]: "1" },
  });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new UserError(`The process in the background ended with code ${code ?? "unknown"}.`)));
    child.once("error", (error) => reject(new UserError(`The process in the background could not be started: ${error.message}`)));
    child.once("message", ({ failure }: Report) => {
      if (failure !== undefined) return reject(new UserError(failure));
      child.removeAllListeners();
      if (child.connected) child.disconnect();
      child.unref();
      resolve();
    });
  });
}

/** Tells the command that waits on the terminal how the start went. Does nothing in a process that is in the foreground. */
export function reportToParent(report: Report): void {
  if (process.env[MARK] === undefined || process.send === undefined || !process.connected) return;
  process.send(report, () => {
    if (process.connected) process.disconnect();
  });
}

/** Refuses to start a second process with the same pid file, as a running one would notice it late or never. */
export function checkPidFile(path: string): void {
  const pid = readPid(path);
  if (pid !== undefined && isRunning(pid)) throw new UserError(`Already running: ${path} names process ${pid}.`);
}

/** Writes the pid file and removes it at exit. */
export function writePidFile(path: string): void {
  try {
    const file = openSync(path, "w", 0o644);
    writeFileSync(file, `${process.pid}\n`);
    closeSync(file);
  } catch (error) {
    throw new UserError(`The pid file ${path} cannot be written: ${(error as Error).message}`);
  }
  process.once("exit", () => {
    if (readPid(path) === process.pid) unlinkSync(path);
  });
}

/** The number in a pid file, undefined where there is none. */
export function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8").trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a process of that number runs, other than this one. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return pid !== process.pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
