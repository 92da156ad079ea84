import { existsSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import type { Config } from "../config/config";
import { generateConfig, writeIfMissing } from "../config/generate";
import { systemRandom } from "../lib/random";
import type { Io } from "./io";
import { serverUrl } from "./registerUser";

const DIRECTORY = "data";

/**
 * A configuration for trying the server out: `localhost` in ./data, reachable from this machine alone. Nobody can register
 * without the shared secret, which register-user reads from the file.
 */
export function firstConfig(io: Io): string {
  const directory = join(process.cwd(), DIRECTORY);
  const path = join(directory, "homeserver.yaml");
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const { config, others } = generateConfig({
    serverName: "localhost",
    reportStats: false,
    configDirectory: directory,
    dataDirectory: directory,
    listenOn: "this machine",
    random: systemRandom,
  });
  for (const file of [config, ...others]) writeIfMissing(file);
  io.out(`No configuration was named, so there is a new one in ${DIRECTORY}/homeserver.yaml.\n`);
  return path;
}

/** Where the server answers, and how to make the first account. */
export function showWelcome(config: Config, configPath: string, io: Io): void {
  const file = relative(process.cwd(), configPath) || configPath;
  io.out(`${config.server_name} answers at ${serverUrl(config)}\n`);
  io.out(`Make the first account with: ${ownCommand()} register-user -c ${file} -u NAME -a\n`);
  if (config.derived.log.root.handlers.length > 0 && config.log_config !== undefined)
    io.out(`It logs as ${relative(process.cwd(), config.log_config)} says.\n`);
}

/** How this program was called, as somebody would type it. */
function ownCommand(): string {
  const script = process.argv[1];
  if (script === undefined) return "synapse-ts";
  const path = relative(process.cwd(), script);
  return path.startsWith("..") || !/bin[\\/]synapse-ts$/.test(path) ? "synapse-ts" : `node ${path}`;
}
