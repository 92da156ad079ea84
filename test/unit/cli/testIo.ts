import type { Io } from "../../../src/cli/io";

export interface TestIo extends Io {
  /** All that was written to standard output, and to standard error. */
  written(): string;
  complaints(): string;
}

/** Answers questions from a list, and keeps what is said. */
export function testIo(answers: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): TestIo {
  const left = [...answers];
  let out = "";
  let err = "";
  return {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    environment,
    ask: (question) => {
      out += question;
      return Promise.resolve(left.shift());
    },
    written: () => out,
    complaints: () => err,
  };
}
