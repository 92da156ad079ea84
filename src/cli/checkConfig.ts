import { Command } from "commander";
import type { Config } from "../config/config";
import { createTemplates } from "../handlers/templates/templates";
import { systemRandom } from "../lib/random";
import type { Logger } from "../observe/logger";
import type { Io } from "./io";
import { loadWithWarnings } from "./load";
import type { ConfigOptions } from "./options";
import { addConfigOptions } from "./options";

export function checkConfigCommand(io: Io): Command {
  return addConfigOptions(new Command("check-config").description("say what is wrong with the configuration; changes nothing")).action(
    async (options: ConfigOptions) => {
      const { config } = loadWithWarnings(options, io);
      await createTemplates(config, warningsTo(io)).load();
      io.out(`The configuration of ${config.server_name} is valid. ${describeDatabase(config)}\n`);
    },
  );
}

/** What loading says that is no error goes where warnings about the configuration go. */
function warningsTo(io: Io): Logger {
  const say: Logger["warn"] = (message) => io.err(`${typeof message === "function" ? message() : message}\n`);
  const ignore = (): void => undefined;
  return { debug: ignore, info: ignore, warn: say, error: say, isEnabled: () => true };
}

function describeDatabase({ derived: { database } }: Config): string {
  return database.kind === "embedded"
    ? `The embedded database is in ${database.dataDirectory}.`
    : `The database is ${database.options.database} on ${database.options.host}.`;
}

export function generateKeysCommand(io: Io): Command {
  return addConfigOptions(
    new Command("generate-keys").description("make the files that the configuration names and that are missing"),
  ).action((options: ConfigOptions) => {
    generateKeys(options, io);
  });
}

/** Makes a missing signing key, log configuration and secret files. */
export function generateKeys(options: ConfigOptions, io: Io): void {
  loadWithWarnings(options, io, { createMissing: systemRandom });
}
