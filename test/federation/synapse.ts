import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { answers, startCommand } from "../builders/process";
import type { TestProcess } from "../builders/process";

const { installedSynapse } = require("../../scripts/synapse.js") as { installedSynapse(): string | undefined };

const MISSING = "there is no Synapse: run node scripts/synapse.js, or let SYNAPSE_TS_TEST_SYNAPSE name a python or a virtual environment";

/** The python that has Synapse: of the environment, or of where scripts/synapse.js put it. */
function findPython(): string | undefined {
  const given = process.env["SYNAPSE_TS_TEST_SYNAPSE"];
  if (!given) return installedSynapse();
  const python = existsSync(given) && statSync(given).isDirectory() ? join(given, "bin", "python") : given;
  execFileSync(python, ["-c", "import synapse"], { stdio: "pipe" });
  return python;
}

const python = findPython();
if (python === undefined) process.stderr.write(`skipped: ${MISSING}\n`);

/** Tests with a real Synapse; where there is none they are skipped, and say so. */
export const describeWithSynapse: jest.Describe = python === undefined ? describe.skip : describe;

/** Starts Synapse with a file in a directory, and waits until it answers at the URL. */
export async function startSynapse(directory: string, url: string, file = "synapse.yaml"): Promise<TestProcess> {
  const started = startCommand([requirePython(), "-m", "synapse.app.homeserver", "-c", file], directory);
  await answers(started, url);
  return started;
}

export function requirePython(): string {
  if (python === undefined) throw new Error(MISSING);
  return python;
}
