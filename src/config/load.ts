import { dirname, resolve } from "node:path";
import type { Random } from "../lib/random";
import { checkConfig } from "./checks";
import type { Config } from "./config";
import type { LoadContext } from "./context";
import { createContext, topLevelKey } from "./context";
import { derive, roleName } from "./derive";
import { environmentOverrides } from "./environment";
import { applyLegacy } from "./legacy";
import { checkModules, checkStores } from "./modules";
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
  /** The role which `--role` names. A file may say the same, and nothing else. */
  readonly role?: string;
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

/** The same from files that have been read already. Nothing is written before everything is known to be right. */
export function buildConfig(sources: readonly ConfigSource[], options: LoadOptions = {}): LoadedConfig {
  const checked = build(sources, { ...options, createMissing: undefined });
  const loaded = checked.missing.length > 0 && options.createMissing !== undefined ? build(sources, options) : checked;
  return { config: loaded.config, warnings: [...loaded.warnings, ...loaded.missing] };
}

function build(sources: readonly ConfigSource[], options: LoadOptions): LoadedConfig & { readonly missing: readonly ConfigProblem[] } {
  const { raw, origin } = mergeSources([...sources, { file: "", values: options.overrides ?? {} }]);
  const directories = sources.filter(({ file }) => file !== "").map(({ file }) => dirname(resolve(file)));
  const context = createContext({
    origin,
    environment: options.environment ?? {},
    createMissing: options.createMissing,
    noSecretsInConfig: options.noSecretsInConfig === true,
    configDirectories: options.configDirectory === undefined ? [...new Set(directories), resolve(".")] : [resolve(options.configDirectory)],
  });
  if (options.role !== undefined) applyRole(options.role, raw, context);
  const values = environmentOverrides(typedValues(raw, context), context);
  checkModules(values, context);
  checkStores(values, context);
  checkConfig(values, context);
  const config = derive(values, context);
  if (context.problems.length > 0) throw new ConfigError(context.problems);
  return { config, warnings: context.warnings, missing: context.missing };
}

function applyRole(role: string, raw: Record<string, unknown>, context: LoadContext): void {
  const given = raw["worker_app"];
  if (typeof given === "string" && roleName(given) !== roleName(role)) {
    context.problem({ key: "worker_app", found: given, wanted: `${role}, as --role says` });
  }
  raw["worker_app"] ??= role;
}

/** What tools beside a running server need: the values alone, without the files which they name and without checks among them. */
export function loadValues(paths: readonly string[]): ConfigValues {
  const { sources, problems } = readSources(paths);
  if (problems.length > 0) throw new ConfigError(problems);
  const { raw, origin } = mergeSources(sources);
  const context = createContext({ origin, environment: {}, createMissing: undefined, noSecretsInConfig: false, configDirectories: ["."] });
  const values = typedValues(raw, context);
  if (context.problems.length > 0) throw new ConfigError(context.problems);
  return values;
}

/**
 * Checks single values and brings them into their final form. Where something is wrong, the whole top-level key is left
 * out, so that the checks which follow can say what else is wrong.
 */
function typedValues(raw: Record<string, unknown>, context: LoadContext): ConfigValues {
  const { root } = loadSchema();
  applyLegacy(root, raw, context.warn);
  const values = normalise(root, raw, context);
  const findings = validate(root, values);
  for (const finding of findings) context.problem(finding);
  for (const key of new Set(findings.map((finding) => topLevelKey(finding.key)))) {
    context.leaveOut(key);
    if (key === "server_name") values[key] = "invalid.example";
    else delete values[key];
  }
  if (findings.length > 0 && validate(root, values).length > 0) throw new ConfigError(context.problems);
  return values as unknown as ConfigValues;
}
