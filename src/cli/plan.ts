import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { loadConfig } from "../config/load";
import { formatProblem } from "../config/problems";
import type { Io } from "./io";
import { UserError } from "./io";
import { loadWithWarnings, requireConfigPaths } from "./load";
import type { ConfigOptions } from "./options";
import { addConfigOptions, collect } from "./options";

interface PlanOptions extends ConfigOptions {
  readonly worker?: readonly string[];
}

export function planCommand(io: Io): Command {
  return addConfigOptions(new Command("plan"))
    .description("print what this process would serve, run and write; with --worker, a whole deployment")
    .option("-w, --worker <path>", "file of a worker, or a directory of them; may be given several times", collect)
    .action(async (options: PlanOptions) => {
      const isSound = await showPlans(options, io);
      if (!isSound) throw new UserError("The server would not start like this.");
    });
}

/** Prints the plans; false when the server would not start so. */
async function showPlans(options: PlanOptions, io: Io): Promise<boolean> {
  const { plan } = await import("../roles/plan");
  const { formatPlan } = await import("../roles/format");
  const { checkDeployment } = await import("../roles/deployment");
  const shared = requireConfigPaths(options);
  const main = plan(loadWithWarnings(options, io).config);
  const workers = (options.worker ?? [])
    .flatMap(filesAt)
    .map((file) => plan(loadConfig([...shared, file], { environment: io.environment }).config));
  const results = [main, ...workers];
  io.out(`${results.map(formatPlan).join("\n\n")}\n`);
  const problems = workers.length === 0 ? [] : checkDeployment(results.map((result) => result.plan));
  if (problems.length > 0) io.err(`\nBetween these processes:\n${problems.map((problem) => `  ${formatProblem(problem)}\n`).join("")}`);
  return problems.length === 0 && results.every((result) => result.errors.length === 0);
}

function filesAt(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .map((name) => join(path, name));
}
