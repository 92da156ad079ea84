import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { generateConfig, writeIfMissing } from "../config/generate";
import { systemRandom } from "../lib/random";
import type { Io } from "./io";
import { UserError } from "./io";
import { collect } from "./options";
import { run } from "./run";

/** The entry point of the container image: Synapse's commands and environment variables. */
export function containerCommand(io: Io): Command {
  const command = new Command("container").description("entry point of the container image, with the environment variables of Synapse's");
  command
    .command("run", { isDefault: true })
    .description("run a process of the server")
    .option("-m, --module <name>", "Synapse's module or the role of a worker, as SYNAPSE_WORKER")
    .option("-c, --config-path <path>", "configuration, as SYNAPSE_CONFIG_PATH", collect)
    .action((options: ContainerRunOptions) => runContainer(options, io));
  command
    .command("generate")
    .description("write a configuration: needs SYNAPSE_SERVER_NAME and SYNAPSE_REPORT_STATS")
    .action(() => generateForContainer(io));
  command
    .command("migrate_config")
    .description("gone")
    .action(() => {
      throw new UserError("migrate_config is gone: make a configuration with the command generate, and edit it.");
    });
  return command;
}

interface ContainerRunOptions {
  readonly module?: string;
  readonly configPath?: readonly string[];
}

const configDirectory = (io: Io): string => io.environment["SYNAPSE_CONFIG_DIR"] ?? "/data";

function configPath(io: Io): string {
  return io.environment["SYNAPSE_CONFIG_PATH"] ?? join(configDirectory(io), "homeserver.yaml");
}

async function runContainer(options: ContainerRunOptions, io: Io): Promise<void> {
  const paths = options.configPath ?? [configPath(io)];
  const missing = paths.find((path) => !existsSync(path));
  if (missing !== undefined) {
    throw new UserError(`There is no configuration at ${missing}. Mount one there, or make one with the command generate.`);
  }
  const role = options.module ?? io.environment["SYNAPSE_WORKER"];
  await run({ configPath: paths, ...(role === undefined ? {} : { role }) }, io);
}

/** A configuration that listens on all addresses of the container, and logs to its output. */
function generateForContainer(io: Io): void {
  const serverName = required("SYNAPSE_SERVER_NAME", io);
  const reportStats = required("SYNAPSE_REPORT_STATS", io);
  const port = Number(io.environment["SYNAPSE_HTTP_PORT"] ?? 8008);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new UserError("SYNAPSE_HTTP_PORT must be a port number.");
  const { config, others } = generateConfig({
    serverName,
    reportStats: reportStats === "yes",
    configDirectory: configDirectory(io),
    dataDirectory: io.environment["SYNAPSE_DATA_DIR"] ?? "/data",
    listenOn: "container",
    port,
    configFile: configPath(io),
    random: systemRandom,
  });
  for (const file of [config, ...others]) {
    io.out(writeIfMissing(file) ? `Wrote ${file.path}\n` : `${file.path} exists, left as it is\n`);
  }
}

function required(name: string, io: Io): string {
  const value = io.environment[name];
  if (value === undefined || value === "") throw new UserError(`The environment variable ${name} must be given.`);
  return value;
}
