import type { Command } from "commander";

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export interface ConfigOptions {
  readonly configPath?: readonly string[];
  /** The other spelling of --config-path. */
  readonly config?: readonly string[];
  readonly role?: string;
  readonly keysDirectory?: string;
  readonly secretsInConfig?: boolean;
}

/** `-c FILE_OR_DIR`, as often as needed, and what else decides about the configuration. */
export function addConfigOptions(command: Command): Command {
  return command
    .option("-c, --config-path <path>", "configuration file, or directory of *.yaml; several are laid over one another", collect)
    .option("--config <path>", "the same", collect)
    .option("--role <name>", "what this process is for, such as generic_worker; stands in for worker_app")
    .option("--keys-directory <path>", "where the signing key is, unless signing_key_path says so")
    .option("--no-secrets-in-config", "refuse secrets in the configuration files: they have to be in files of their own");
}

/** All configuration paths, in order. */
export function configPaths(options: ConfigOptions): readonly string[] {
  return [...(options.configPath ?? []), ...(options.config ?? [])];
}
