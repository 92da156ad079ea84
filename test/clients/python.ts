import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventually } from "../builders/eventually";

const { installedPythonClients } = require("../../scripts/pythonClients.js") as { installedPythonClients(): string | undefined };

const FOLDER = join(__dirname, "python");

/** What a program tells, or is told: a line of JSON. */
export type Fact = Readonly<Record<string, unknown>>;

/** A program in Python that speaks in lines of JSON. */
export interface PythonProgram {
  /** All that it has told so far. */
  readonly facts: readonly Fact[];
  tell(wish: Fact): void;
  /** Waits until it has told something of the kind, and gives the first of it. */
  hears(isWanted: (fact: Fact) => boolean): Promise<Fact>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

/** The python that has matrix-nio and mautrix; undefined, with a word about it, where `npm test` could not install them. */
export function pythonClients(): string | undefined {
  const python = installedPythonClients();
  if (python === undefined) process.stderr.write("Tests with clients in Python are skipped: scripts/pythonClients.js installs these\n");
  return python;
}

export function startPython(python: string, script: string, args: readonly string[]): PythonProgram {
  const child = spawn(python, [join(FOLDER, script), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const facts: Fact[] = [];
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  createInterface(child.stdout).on("line", (line) => facts.push(JSON.parse(line) as Fact));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = (): boolean => child.kill("SIGKILL");
  process.once("exit", end);
  return {
    facts,
    tell: (wish) => void child.stdin.write(`${JSON.stringify(wish)}\n`),
    async hears(isWanted) {
      await eventually(() => {
        if (hasEnded()) throw new Error(`${script} ended:\n${errors}`);
        return facts.some(isWanted);
      });
      return facts.find(isWanted) as Fact;
    },
    async kill() {
      process.off("exit", end);
      if (hasEnded()) return;
      const exited = once(child, "exit");
      end();
      await exited;
    },
  };
}
