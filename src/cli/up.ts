import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Config } from "../config/config";
import { systemRandom } from "../lib/random";
import { addConfigOptions, type ConfigOptions, collect } from "./options";
import type { Io } from "./io";
import { UserError } from "./io";
import { loadWithWarnings, requireConfigPaths } from "./load";
import type { Deployment } from "./up/deployment";
import type { Router } from "./up/router";
import type { Supervisor } from "./up/supervisor";

interface UpOptions extends ConfigOptions {
  readonly workers: number;
  readonly worker?: readonly string[];
}

const MAX_WORKERS = 64;
/** One processor is left to the main process and the database. */
const autoWorkers = (): number => Math.min(8, Math.max(1, availableParallelism() - 1));

function readCount(text: string): number {
  if (text === "auto") return autoWorkers();
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0 || count > MAX_WORKERS)
    throw new InvalidArgumentError(`auto, or a number up to ${MAX_WORKERS}.`);
  return count;
}

/** One command for a whole server: the main process, workers, what spreads clients over them, and somebody who starts again whatever ends. */
export function upCommand(io: Io): Command {
  return addConfigOptions(new Command("up"))
    .description(
      "run the main process and workers of a server on this machine, spread clients over them, and start again whatever ends;\n" +
        "SIGTTIN adds a worker, SIGTTOU takes one away, SIGHUP has all read logging and certificates again",
    )
    .option("--workers <count>", "how many workers; auto for one less than processors", readCount, autoWorkers())
    .option("-w, --worker <path>", "run the workers of these files or directories instead, without spreading clients", collect)
    .action((options: UpOptions) => up(options, io));
}

async function up(options: UpOptions, io: Io): Promise<void> {
  const { Supervisor } = await import("./up/supervisor");
  const { laidOut, operatorsOwn } = await import("./up/deployment");
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-"));
  const say = (text: string): void => io.err(`${text}\n`);
  const supervisor = new Supervisor({ say });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  let router: Router | undefined;
  try {
    const files = requireConfigPaths(options);
    // Keys and the log configuration are made here, once, and not by all processes at the same time.
    const { config } = loadWithWarnings(options, io, { createMissing: systemRandom });
    const given = { config, files, io };
    const deployment = options.worker ? operatorsOwn(given, options.worker) : laidOut(given, options.workers, directory);
    const start = async (): Promise<void> => {
      const { programs, workers, count } = deployment;
      for (const program of [...programs, ...workers.slice(0, count)]) await supervisor.start(program);
      router = await openFront(deployment, config, say);
      io.out(`All ${supervisor.pids().size} processes run.\n`);
      const { notifySystemd, startWatchdog } = await import("../server/systemd");
      notifySystemd("READY=1");
      startWatchdog();
      scale(supervisor, deployment, say);
    };
    process.on("SIGHUP", () => {
      supervisor.reload();
      reloadTls(config, router, say);
    });
    const failure = await Promise.race([
      ended.then(() => undefined),
      start()
        .then(() => ended)
        .then(
          () => undefined,
          (error: Error) => error,
        ),
    ]);
    if (failure) throw new UserError(failure.message);
  } finally {
    await router?.close();
    await supervisor.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function openFront({ front }: Deployment, { derived }: Config, say: (text: string) => void): Promise<Router | undefined> {
  if (!front) return undefined;
  const { openRouter } = await import("./up/router");
  return openRouter({ listener: front.listener, tls: derived.tls, model: front.model(), say });
}

/** What is wrong with a certificate is said, and the old one stays. */
function reloadTls(config: Config, router: Router | undefined, say: (text: string) => void): void {
  const { tls_certificate_path: certificate, tls_private_key_path: privateKey } = config;
  if (certificate === undefined || privateKey === undefined) return;
  try {
    router?.reloadTls({ certificate: readFileSync(certificate, "utf8"), privateKey: readFileSync(privateKey, "utf8") });
  } catch (error) {
    say(`cannot read the certificate again: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Adds and takes away workers, as these signals do at other servers: one after another, however fast they come. */
function scale(supervisor: Supervisor, { workers, count }: Deployment, say: (text: string) => void): void {
  let running = count;
  let before: Promise<unknown> = Promise.resolve();
  const change = (by: 1 | -1) => async (): Promise<void> => {
    const worker = workers[by > 0 ? running : running - 1];
    if (!worker) return say(by > 0 ? `there are no more than ${workers.length} workers` : "there is no worker left to take away");
    running += by;
    if (by > 0) await supervisor.start(worker);
    else await supervisor.end(worker.name);
    say(`${running} workers run`);
  };
  for (const [signal, by] of [
    ["SIGTTIN", 1],
    ["SIGTTOU", -1],
  ] as const) {
    process.on(signal, () => {
      before = before.then(change(by)).catch((error: Error) => say(error.message));
    });
  }
}
