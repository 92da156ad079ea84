import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** What commands have to do with the world around them; tests put their own in its place. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asks on the terminal. Hidden answers are not echoed. Undefined at the end of input. */
  ask(question: string, options?: { readonly hidden: boolean }): Promise<string | undefined>;
}

/** A message for the person at the terminal: shown without a stack. */
export class UserError extends Error {}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  environment: process.env,
  ask: (question, options) => askOnTerminal(question, options?.hidden === true ? "hidden" : "shown"),
};

function askOnTerminal(question: string, answer: "hidden" | "shown"): Promise<string | undefined> {
  process.stdout.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({
    input: process.stdin,
    output: answer === "hidden" ? silent : process.stdout,
    terminal: process.stdin.isTTY === true,
  });
  return new Promise((resolve) => {
    reader.once("line", (line) => {
      resolve(line);
      reader.close();
    });
    reader.once("close", () => {
      if (answer === "hidden") process.stdout.write("\n");
      resolve(undefined);
    });
  });
}
