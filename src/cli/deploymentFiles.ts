import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/config";
import { loadConfig } from "../config/load";
import type { PlanResult } from "../roles/plan";
import type { Io } from "./io";
import { loadWithWarnings, requireConfigPaths } from "./load";
import { addConfigOptions, collect, type ConfigOptions } from "./options";

export interface DeploymentOptions extends ConfigOptions {
  readonly worker?: readonly string[];
}

/** The options of commands that look at a process, or at all processes of a deployment. */
export function addDeploymentOptions(command: Command): Command {
  return addConfigOptions(command).option(
    "-w, --worker <path>",
    "file of a worker, or a directory of them; may be given several times",
    collect,
  );
}

export interface LoadedPlans {
  readonly config: Config;
  /** That of the configuration alone first, then those of the workers. */
  readonly results: readonly PlanResult[];
}

/** Plans the process of the configuration, and each worker on top of it. */
export async function loadPlans(options: DeploymentOptions, io: Io): Promise<LoadedPlans> {
  const { plan } = await import("../roles/plan");
  const shared = requireConfigPaths(options);
  const { config } = loadWithWarnings(options, io);
  const workers = (options.worker ?? []).flatMap(filesAt);
  return {
    config,
    results: [plan(config), ...workers.map((file) => plan(loadConfig([...shared, file], { environment: io.environment }).config))],
  };
}

/** The file, or those of a directory, in order. */
export function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => join(path, name));
}
