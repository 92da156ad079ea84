import { Command } from "commander";
import { formatProblem } from "../config/problems";
import { addDeploymentOptions, type DeploymentOptions, loadPlans } from "./deploymentFiles";
import type { Io } from "./io";
import { UserError } from "./io";

export function planCommand(io: Io): Command {
  return addDeploymentOptions(new Command("plan"))
    .description("print what this process would serve, run and write; with --worker, a whole deployment")
    .action(async (options: DeploymentOptions) => {
      const isSound = await showPlans(options, io);
      if (!isSound) throw new UserError("The server would not start like this.");
    });
}

/** Prints the plans; false when the server would not start so. */
async function showPlans(options: DeploymentOptions, io: Io): Promise<boolean> {
  const { formatPlan } = await import("../roles/format");
  const { checkDeployment } = await import("../roles/deployment");
  const { results } = await loadPlans(options, io);
  io.out(`${results.map(formatPlan).join("\n\n")}\n`);
  const problems = results.length === 1 ? [] : checkDeployment(results.map((result) => result.plan));
  if (problems.length > 0) io.err(`\nBetween these processes:\n${problems.map((problem) => `  ${formatProblem(problem)}\n`).join("")}`);
  return problems.length === 0 && results.every((result) => result.errors.length === 0);
}
