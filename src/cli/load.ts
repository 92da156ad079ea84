import { existsSync } from "node:fs";
import type { LoadedConfig, LoadOptions } from "../config/load";
import { loadConfig } from "../config/load";
import type { ConfigProblem } from "../config/problems";
import { formatProblem } from "../config/problems";
import type { Io } from "./io";
import { UserError } from "./io";
import type { ConfigOptions } from "./options";
import { configPaths } from "./options";

/** Where a configuration is looked for when none is named. */
const USUAL_PLACES = ["homeserver.yaml", "data/homeserver.yaml"];

export function usualConfig(): string | undefined {
  return USUAL_PLACES.find((path) => existsSync(path));
}

/** The named files, else those in the usual places. Throws UserError when there are none. */
export function requireConfigPaths(options: ConfigOptions): readonly string[] {
  const paths = configPaths(options);
  if (paths.length > 0) return paths;
  const usual = usualConfig();
  if (usual === undefined)
    throw new UserError("No configuration: name it with -c, or make one with: synapse-ts generate-config -H SERVER_NAME");
  return [usual];
}

/** Loads the configuration, and shows its warnings. */
export function loadWithWarnings(options: ConfigOptions, io: Io, load: LoadOptions = {}): LoadedConfig {
  const loaded = loadConfig(requireConfigPaths(options), {
    environment: io.environment,
    noSecretsInConfig: options.secretsInConfig === false,
    ...(options.role === undefined ? {} : { role: options.role }),
    ...(options.keysDirectory === undefined ? {} : { configDirectory: options.keysDirectory }),
    ...load,
  });
  showWarnings(loaded.warnings, io);
  return loaded;
}

export function showWarnings(warnings: readonly ConfigProblem[], io: Io): void {
  if (warnings.length === 0) return;
  io.err(`Warnings about the configuration:\n${warnings.map((warning) => `  ${formatProblem(warning)}\n`).join("")}`);
}
