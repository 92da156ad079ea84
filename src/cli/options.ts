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

/** `-c FILE_OR_DIR`, as often as needed and in both spellings. */
export function addConfigPath(command: Command, description: string): Command {
  const paths: string[] = [];
  const add = (path: string): readonly string[] => {
    paths.push(path);
    return paths;
  };
  return command.option("-c, --config-path <path>", description, add).option("--config <path>", "the same", add);
}

/** The configuration paths, and what else decides about the configuration. */
export function addConfigOptions(command: Command): Command {
  return addConfigPath(command, "configuration file, or directory of *.yaml; several are laid over one another")
    .option("--role <name>", "what this process is for, such as generic_worker; stands in for worker_app")
    .option("--keys-directory <path>", "where the signing key is, unless signing_key_path says so")
    .option("--no-secrets-in-config", "refuse secrets in the configuration files: they have to be in files of their own");
}

/** All configuration paths, in the order of the command line. */
export function configPaths(options: Pick<ConfigOptions, "configPath" | "config">): readonly string[] {
  return options.configPath ?? options.config ?? [];
}
