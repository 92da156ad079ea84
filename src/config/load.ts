import { dirname, resolve } from "node:path";
import type { Random } from "../lib/random";
import { checkConfig } from "./checks";
import type { Config } from "./config";
import { createContext } from "./context";
import { derive } from "./derive";
import { environmentOverrides } from "./environment";
import { applyLegacy } from "./legacy";
import { checkModules } from "./modules";
import { normalise } from "./normalise";
import type { ConfigProblem } from "./problems";
import { ConfigError } from "./problems";
import { loadSchema } from "./schema";
import type { ConfigSource } from "./sources";
import { mergeSources, readSources } from "./sources";
import type { ConfigValues } from "./types.generated";
import { validate } from "./validate";

export interface LoadOptions {
  /** Top-level keys laid over the files, for the command line. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Makes missing files (signing key, log configuration, secrets). Absent: nothing is written. */
  readonly createMissing?: Random;
  /** Refuses secrets in the files themselves. */
  readonly noSecretsInConfig?: boolean;
  /** Where files that are not named are looked for; the directories of the configuration files by default. */
  readonly configDirectory?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
}

/**
 * Reads configuration files (and of directories their `*.yaml`), the later over the earlier. Throws ConfigError with
 * everything that is wrong.
 */
export function loadConfig(paths: readonly string[], options: LoadOptions = {}): LoadedConfig {
  const { sources, problems, warnings } = readSources(paths);
  if (problems.length > 0) throw new ConfigError(problems);
  const loaded = buildConfig(sources, options);
  return { config: loaded.config, warnings: [...warnings, ...loaded.warnings] };
}

/** The same from files that have been read already. */
export function buildConfig(sources: readonly ConfigSource[], options: LoadOptions = {}): LoadedConfig {
  const { raw, origin } = mergeSources([...sources, { file: "", values: options.overrides ?? {} }]);
  const directories = sources.map(({ file }) => dirname(resolve(file)));
  const context = createContext({
    origin,
    environment: options.environment ?? {},
    createMissing: options.createMissing,
    noSecretsInConfig: options.noSecretsInConfig === true,
    configDirectories: options.configDirectory === undefined ? [...new Set(directories), resolve(".")] : [resolve(options.configDirectory)],
  });
  const { root } = loadSchema();
  applyLegacy(root, raw, context.warn);
  const values = normalise(root, raw, context);
  for (const finding of validate(root, values)) context.problem(finding);
  if (context.problems.length > 0) throw new ConfigError(context.problems);

  const typed = environmentOverrides(values as unknown as ConfigValues, context);
  checkModules(typed, context);
  checkConfig(typed, context);
  const config = derive(typed, context);
  if (context.problems.length > 0) throw new ConfigError(context.problems);
  return { config, warnings: context.warnings };
}
