import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Argument, Command } from "commander";
import { readSources, mergeSources } from "../config/sources";
import { ConfigError } from "../config/problems";
import { isRunning, readPid } from "./daemonize";
import type { Io } from "./io";
import { UserError } from "./io";

type Action = "start" | "stop" | "restart" | "status";

interface SynctlOptions {
  readonly worker?: string;
  readonly allProcesses?: string;
  /** False by --no-daemonize. */
  readonly daemonize?: boolean;
}

/** A process that synctl looks after. */
interface Controlled {
  /** For messages, as synctl calls it: the module, and the file of a worker. */
  readonly name: string;
  readonly pidFile: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const MAIN_APP = "synapse.app.homeserver";
const POLL_MS = 200;

/** As Synapse's synctl: processes in the background, known by their pid files. */
export function synctlCommand(io: Io): Command {
  return new Command("synctl")
    .description("start and stop processes in the background, as Synapse's synctl does")
    .addArgument(new Argument("<action>", "what to do").choices(["start", "stop", "restart", "status"]))
    .argument("[configfile]", "configuration of the server", "homeserver.yaml")
    .option("-w, --worker <file>", "only the worker of this file")
    .option("-a, --all-processes <directory>", "the workers of all *.yaml in this directory, and main where one of them stands for it")
    .option("--no-daemonize", "start in the foreground")
    .action(async (action: Action, configFile: string, options: SynctlOptions) => {
      const failed = await control(action, chosen(configFile, options), { io, options });
      if (failed) throw new UserError(`synctl ${action} did not succeed for every process.`);
    });
}

function valuesOf(paths: readonly string[]): Readonly<Record<string, unknown>> {
  const { sources, problems } = readSources(paths);
  if (problems.length > 0) throw new ConfigError(problems);
  return mergeSources(sources).raw;
}

function chosen(configFile: string, { worker, allProcesses, daemonize }: SynctlOptions): Controlled[] {
  if (worker !== undefined && allProcesses !== undefined) throw new UserError("-w and -a exclude each other.");
  if (allProcesses !== undefined && daemonize === false) throw new UserError("--no-daemonize is for one process, -a for many.");
  const shared = valuesOf([configFile]);
  if (worker !== undefined) return [workerOf(worker, configFile, shared)];
  if (allProcesses === undefined) return [mainOf(configFile, shared, undefined)];
  if (!statSync(allProcesses, { throwIfNoEntry: false })?.isDirectory()) throw new UserError(`${allProcesses} is not a directory.`);
  const files = readdirSync(allProcesses)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => join(allProcesses, name));
  return files.map((file) =>
    valuesOf([file])["worker_app"] === MAIN_APP ? mainOf(configFile, shared, file) : workerOf(file, configFile, shared),
  );
}

/** The main process; a file for it among those of the workers may say where its pid file is, and nothing of a worker. */
function mainOf(configFile: string, shared: Readonly<Record<string, unknown>>, file: string | undefined): Controlled {
  const own = file === undefined ? {} : valuesOf([file]);
  const strange = Object.keys(own).filter((key) => key.startsWith("worker_") && key !== "worker_app");
  if (strange.length > 0) throw new UserError(`${file} is for the main process and may not say ${strange.join(", ")}.`);
  const pidFile = own["pid_file"] ?? shared["pid_file"];
  if (typeof pidFile !== "string") throw new UserError(`${configFile} must name a pid_file.`);
  return { name: MAIN_APP, pidFile, args: ["-c", configFile], environment: cacheFactors(shared) };
}

function workerOf(file: string, configFile: string, shared: Readonly<Record<string, unknown>>): Controlled {
  const own = valuesOf([file]);
  const { worker_app: app, worker_pid_file: pidFile } = own;
  if (typeof app !== "string") throw new UserError(`${file} must name a worker_app.`);
  if (app === MAIN_APP) throw new UserError(`${file} is for the main process: start that without -w.`);
  if (typeof pidFile !== "string") throw new UserError(`${file} must name a worker_pid_file.`);
  return { name: `${app} ${file}`, pidFile, args: ["-c", configFile, "-c", file], environment: cacheFactors({ ...shared, ...own }) };
}

/** synctl_cache_factor and synctl_cache_factors, as the environment that the processes read. */
function cacheFactors(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const { synctl_cache_factor: factor, synctl_cache_factors: factors } = values;
  const single = Object.entries(typeof factors === "object" && factors !== null ? factors : {});
  return {
    ...(factor !== undefined && { SYNAPSE_CACHE_FACTOR: String(factor) }),
    ...Object.fromEntries(single.map(([name, value]) => [`SYNAPSE_CACHE_FACTOR_${name.toUpperCase()}`, String(value)])),
  };
}

interface Controls {
  readonly io: Io;
  readonly options: SynctlOptions;
}

const livePid = ({ pidFile }: Controlled): number | undefined => {
  const pid = readPid(pidFile);
  return pid !== undefined && isRunning(pid) ? pid : undefined;
};

/** Does it with each process. True when it failed with any. */
async function control(action: Action, processes: readonly Controlled[], controls: Controls): Promise<boolean> {
  if (action === "status") return processes.map((one) => showStatus(one, controls)).includes(false);
  let failed = false;
  if (action === "stop" || action === "restart") {
    const pids = processes.map((one) => stop(one, controls));
    if (action === "stop") return pids.includes(undefined);
    for (const pid of pids) while (pid !== undefined && isRunning(pid)) await sleep(POLL_MS);
  }
  for (const one of processes) failed = !(await start(one, controls)) || failed;
  return failed;
}

function showStatus(one: Controlled, { io }: Controls): boolean {
  const pid = livePid(one);
  io.out(pid === undefined ? `${one.name} is not running\n` : `${one.name} is running as process ${pid}\n`);
  return pid !== undefined;
}

/** Asks it to end; gives its pid, or undefined where there was nothing to end. */
function stop(one: Controlled, { io }: Controls): number | undefined {
  const pid = livePid(one);
  if (pid === undefined) io.err(`${one.name} was not running\n`);
  else {
    process.kill(pid, "SIGTERM");
    io.out(`stopped ${one.name}\n`);
  }
  return pid;
}

async function start(one: Controlled, { io, options }: Controls): Promise<boolean> {
  const pid = livePid(one);
  if (pid !== undefined) {
    io.out(`${one.name} is already running\n`);
    return true;
  }
  const args = [...one.args, ...(options.daemonize === false ? [] : ["--daemonize"])];
  const script = process.argv[1] ?? "";
  const environment = { ...io.environment, ...one.environment };
  const code = await new Promise<number | null>((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], { stdio: "inherit", env: environment });
    child.once("error", () => resolve(null));
    child.once("exit", resolve);
  });
  if (code === 0) io.out(`started ${one.name}\n`);
  else io.err(`error starting ${one.name}\n`);
  return code === 0;
}
