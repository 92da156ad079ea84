import type { Config } from "../config/config";
import type { LoadOptions } from "../config/load";
import { ConfigError } from "../config/problems";
import { systemRandom } from "../lib/random";
import { generateKeys } from "./checkConfig";
import { checkPidFile, isDaemonChild, reportToParent, startDaemon, writePidFile } from "./daemonize";
import { firstConfig, showWelcome } from "./firstStart";
import type { GenerateCliOptions } from "./generateConfig";
import { generate } from "./generateConfig";
import type { Io } from "./io";
import { UserError } from "./io";
import { loadWithWarnings, usualConfig } from "./load";
import { configPaths } from "./options";

/** Options of the command that runs a process, Synapse's own spellings among them. */
export interface RunOptions extends GenerateCliOptions {
  readonly daemonize?: boolean;
  readonly printPidfile?: boolean;
  readonly manhole?: string;
  /** False by -n. */
  readonly redirectStdio?: boolean;
  readonly generateConfig?: boolean;
  readonly generateKeys?: boolean;
  readonly generateMissingConfigs?: boolean;
  readonly generateMissingAndRun?: boolean;
  readonly enableRegistration?: boolean;
  readonly databasePath?: string;
}

/** Does what the options ask for: generates files, or runs a process until it is stopped. */
export async function run(options: RunOptions, io: Io): Promise<void> {
  if (options.generateConfig === true) return generate(options, io);
  if (options.generateKeys === true || options.generateMissingConfigs === true) return generateKeys(options, io);
  const isNamed = configPaths(options).length > 0;
  if (!isNamed && options.role !== undefined) throw new UserError("A worker needs the configuration of its server: name it with -c.");
  const paths = isNamed ? configPaths(options) : [usualConfig() ?? firstConfig(io)];
  const loaded = loadWithWarnings({ ...options, configPath: paths, config: [] }, io, {
    createMissing: systemRandom,
    ...overridesOf(options),
  });
  const config = withManhole(loaded.config, options.manhole);
  if (config.derived.signingKeys.length === 0) {
    throw new ConfigError([
      {
        key: "signing_key_path",
        wanted: `${config.signing_key_path} does not exist: the main process makes it when it starts for the first time`,
      },
    ]);
  }
  if (becomesDaemon(config, options, io)) return startDaemon();
  const { runProcess } = await import("../server/run");
  await runProcess({
    config,
    onReady: () => {
      reportToParent({});
      if (!isNamed) showWelcome(config, paths[0] ?? "", io);
    },
  });
}

function overridesOf(options: RunOptions): Pick<LoadOptions, "overrides"> {
  const overrides: Record<string, unknown> = {};
  if (options.enableRegistration === true) overrides["enable_registration"] = true;
  if (options.databasePath !== undefined) overrides["database"] = { name: "sqlite3", args: { database: options.databasePath } };
  if (options.redirectStdio === false) overrides["no_redirect_stdio"] = true;
  return { overrides };
}

/** Handles pid files; true when a detached process is to take over. */
function becomesDaemon(config: Config, options: RunOptions, io: Io): boolean {
  const isMain = config.derived.role === "main";
  const pidFile = isMain ? config.pid_file : config.worker_pid_file;
  const wanted = options.daemonize === true || (isMain ? config.daemonize : config.worker_daemonize);
  if (!wanted) return false;
  if (pidFile === undefined)
    throw new ConfigError([{ key: isMain ? "pid_file" : "worker_pid_file", wanted: "must be given for a process in the background" }]);
  if (isDaemonChild(io.environment)) {
    writePidFile(pidFile);
    return false;
  }
  checkPidFile(pidFile);
  if (options.printPidfile === true || config.print_pidfile) io.out(`${pidFile}\n`);
  return true;
}

function withManhole(config: Config, port: string | undefined): Config {
  if (port === undefined) return config;
  const number = Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65535) throw new UserError("--manhole wants a port number");
  const listener = {
    type: "manhole",
    port: number,
    bind_addresses: ["127.0.0.1"],
    tls: false,
    x_forwarded: false,
    resources: [],
    additional_resources: {},
  } as const;
  return { ...config, derived: { ...config.derived, listeners: [...config.derived.listeners, listener] } };
}
