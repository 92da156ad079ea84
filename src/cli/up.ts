import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Config } from "../config/config";
import { loadConfig } from "../config/load";
import { mergeSources, readSources } from "../config/sources";
import { systemRandom } from "../lib/random";
import { addConfigOptions, type ConfigOptions, collect } from "./options";
import type { Io } from "./io";
import { UserError } from "./io";
import { loadWithWarnings, requireConfigPaths } from "./load";
import { filesAt } from "./deploymentFiles";
import { accepts, answersFirst } from "./up/listening";
import type { Layout } from "./up/layout";
import type { Program } from "./up/supervisor";

interface UpOptions extends ConfigOptions {
  readonly workers: number;
  readonly worker?: readonly string[];
}

const MAX_WORKERS = 64;
/** One processor is left to the main process, the database and the proxy. */
const autoWorkers = (): number => Math.min(8, Math.max(0, availableParallelism() - 1));

function readCount(text: string): number {
  if (text === "auto") return autoWorkers();
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0 || count > MAX_WORKERS)
    throw new InvalidArgumentError(`auto, or a number up to ${MAX_WORKERS}.`);
  return count;
}

/** One command for a whole server: the main process, workers, what they need, and somebody who starts again whatever ends. */
export function upCommand(io: Io): Command {
  return addConfigOptions(new Command("up"))
    .description("run the main process and workers of a server on this machine, with a reverse proxy, and start again whatever ends")
    .option("--workers <count>", "how many workers; auto for one less than processors", readCount, autoWorkers())
    .option("-w, --worker <path>", "run the workers of these files or directories instead, without a proxy", collect)
    .action((options: UpOptions) => up(options, io));
}

async function up(options: UpOptions, io: Io): Promise<void> {
  const { Supervisor } = await import("./up/supervisor");
  const directory = mkdtempSync(join(tmpdir(), "synapse-ts-"));
  const supervisor = new Supervisor({ say: (text) => io.err(`${text}\n`) });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  process.on("SIGHUP", () => supervisor.reload());
  try {
    const programs = await programsOf(options, io, directory);
    const start = async (): Promise<void> => {
      for (const make of programs) await supervisor.start(make());
      io.out(`All ${supervisor.pids().size} processes run.\n`);
      const { notifySystemd } = await import("../server/systemd");
      notifySystemd("READY=1");
    };
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
    await supervisor.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const program = (name: string, files: readonly string[], isReady?: () => Promise<boolean>): Program => ({
  name,
  command: [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...files.flatMap((file) => ["-c", file])],
  reloads: true,
  ...(isReady && { isReady }),
});

/** In the order in which they are started. Functions, because the proxy is told of files that the main process may have to make first. */
async function programsOf(options: UpOptions, io: Io, directory: string): Promise<(() => Program)[]> {
  const files = requireConfigPaths(options);
  // Keys and the log configuration are made here, once, and not by all processes at the same time.
  const { config } = loadWithWarnings(options, io, { createMissing: systemRandom });
  if (options.worker) return operatorsOwn(config, files, options.worker);
  const { findProgram, proxyProgram, redisProgram } = await import("./up/programs");
  const { layOut } = await import("./up/layout");
  const place = { directory, environment: io.environment };
  const proxy = options.workers > 0 ? findProgram(["nginx", "haproxy"], io.environment) : undefined;
  const redisPath = config.redis.enabled || options.workers === 0 ? undefined : join(directory, "redis.sock");
  if (redisPath !== undefined && findProgram(["redis-server"], io.environment) === undefined)
    throw new UserError("Workers need Redis: install redis-server, or name a server under `redis` in the configuration.");
  const layout = layOut(config, mergeSources(readSources(files).sources).raw, {
    workers: options.workers,
    directory,
    hasProxy: proxy !== undefined,
    redisPath,
  });
  if (options.workers > 0 && layout.front === undefined)
    io.err(
      "Clients are served by the main process alone: there is no nginx or haproxy to spread them, or no plain http listener for clients.\n",
    );
  const written = write(layout, files, directory);
  if (options.workers > 0) io.out(`Files of this run: ${directory}\n`);
  const all: readonly string[] = written.files;
  const isReady = options.workers > 0 ? () => accepts({ path: join(directory, "main.replication") }) : () => answersFirst(config);
  return [
    ...(redisPath === undefined ? [] : [() => redisProgram(place, redisPath)]),
    () => program("main", all, isReady),
    ...written.workers.map(
      ({ name, file }) =>
        () =>
          program(name, [...all, file], () => accepts({ path: join(directory, `${name}.http`) })),
    ),
    ...(proxy !== undefined && layout.front ? [() => proxyProgram(proxy, place, deploymentOf(all, written, layout, io))] : []),
  ];
}

function deploymentOf(files: readonly string[], { workers }: Written, { front }: Layout, { environment }: Io) {
  if (!front) throw new Error("there is nowhere to listen");
  return { config: loadConfig(files, { environment }).config, files, workers: workers.map(({ file }) => file), front };
}

interface Written {
  readonly files: readonly string[];
  readonly workers: readonly { readonly name: string; readonly file: string }[];
}

/** JSON is YAML. */
function write({ shared, workers }: Layout, files: readonly string[], directory: string): Written {
  const file = (name: string, values: object): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(values, undefined, 2), { mode: 0o600 });
    return path;
  };
  return {
    files: workers.length === 0 ? files : [...files, file("shared.yaml", shared)],
    workers: workers.map(({ name, values }) => ({ name, file: file(`${name}.yaml`, values) })),
  };
}

/** Workers as the operator set them up: the reverse proxy is theirs too. */
function operatorsOwn(config: Config, files: readonly string[], paths: readonly string[]): (() => Program)[] {
  const workers = paths
    .flatMap(filesAt)
    .map((file) => ({ file, name: loadConfig([...files, file], { environment: process.env }).config.derived.instanceName }));
  return [
    () => program(config.derived.instanceName, files),
    ...workers.map(
      ({ file, name }) =>
        () =>
          program(name, [...files, file]),
    ),
  ];
}
