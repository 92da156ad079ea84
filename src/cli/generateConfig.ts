import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { isServerName } from "../config/checks";
import type { GenerateOptions } from "../config/generate";
import { generateConfig, generatedValues, writeIfMissing } from "../config/generate";
import { sampleConfig } from "../config/sample";
import { parseYaml } from "../config/yaml";
import { systemRandom } from "../lib/random";
import type { Io } from "./io";
import { UserError } from "./io";
import { configPaths } from "./options";
import type { ConfigOptions } from "./options";

/** Options of both spellings: `generate-config ...` and Synapse's `--generate-config ...`. */
export interface GenerateCliOptions extends ConfigOptions {
  readonly serverName?: string;
  readonly reportStats?: string;
  readonly configDirectory?: string;
  readonly dataDirectory?: string;
  readonly openPrivatePorts?: boolean;
  readonly full?: boolean;
  readonly output?: string;
}

export function addGenerateOptions(command: Command): Command {
  return command
    .option("-H, --server-name <name>", "name of the new server, such as example.com")
    .addOption(new Option("--report-stats <yes|no>", "whether to send usage statistics").choices(["yes", "no"]))
    .option("--config-directory <path>", "where the configuration and the keys go; the current directory by default")
    .option("--data-directory <path>", "where the database and media go; the current directory by default")
    .option("--open-private-ports", "listen on all addresses instead of on this machine alone");
}

export function generateConfigCommand(io: Io): Command {
  const command = new Command("generate-config").description("write a new homeserver.yaml, signing key and log configuration");
  return addGenerateOptions(command)
    .option("-c, --config-path <path>", "the file to write", (path: string) => [path])
    .option("--full", "print a file with all keys, their meaning and their defaults, and write nothing")
    .action((options: GenerateCliOptions) => generate(options, io));
}

/** Writes the files, or with `full` prints one. Refuses to overwrite a configuration, but adds what is missing beside it. */
export function generate(options: GenerateCliOptions, io: Io): void {
  const [configFile] = configPaths(options);
  if (configFile !== undefined && existsSync(configFile) && options.full !== true) return completeExisting(configFile, options, io);
  const generated = generateOptions(options, configFile);
  if (options.full === true) {
    io.out(sampleConfig(generatedValues(generated)));
    return;
  }
  const { config, others } = generateConfig(generated);
  if (existsSync(config.path)) return completeExisting(config.path, options, io);
  for (const file of [config, ...others]) {
    io.out(writeIfMissing(file) ? `Wrote ${file.path}\n` : `${file.path} exists, left as it is\n`);
  }
  io.out(`Now edit ${config.path}, then start the server with: synapse-ts -c ${config.path}\n`);
}

function generateOptions(options: GenerateCliOptions, configFile: string | undefined): GenerateOptions {
  const { serverName } = options;
  if (serverName === undefined)
    throw new UserError(
      "Name the new server with -H, such as -H example.com. The name is part of all user ids and cannot be changed later.",
    );
  if (!isServerName(serverName))
    throw new UserError(`${JSON.stringify(serverName)} is not a server name: wanted a host name such as example.com`);
  return {
    serverName,
    reportStats: options.reportStats === "yes",
    configDirectory: resolve(options.configDirectory ?? "."),
    dataDirectory: resolve(options.dataDirectory ?? "."),
    listenOn: options.openPrivatePorts === true ? "all addresses" : "this machine",
    random: systemRandom,
    ...(configFile === undefined ? {} : { configFile }),
  };
}

/** The configuration stays; a missing log configuration or signing key is written. */
function completeExisting(configFile: string, options: GenerateCliOptions, io: Io): void {
  const { value } = parseYaml(readFileSync(configFile, "utf8"), configFile);
  const values = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const serverName = options.serverName ?? (typeof values["server_name"] === "string" ? values["server_name"] : undefined);
  io.err(`${configFile} exists and is left as it is. Remove it to make a new one.\n`);
  const { others } = generateConfig(generateOptions({ ...options, ...(serverName === undefined ? {} : { serverName }) }, configFile));
  const keys = ["log_config", "signing_key_path"];
  for (const [index, file] of others.entries()) {
    const path = values[keys[index] ?? ""];
    if (writeIfMissing(typeof path === "string" ? { ...file, path } : file))
      io.out(`Wrote ${typeof path === "string" ? path : file.path}\n`);
  }
}
