/** Something wrong or worth knowing in the configuration. */
export interface ConfigProblem {
  /** The file that says so; absent for what comes from the command line or from a default. */
  readonly file?: string;
  /** Dotted path, such as `listeners[0].port`; empty when it concerns the file as a whole. */
  readonly key: string;
  /** What stands there, in words; absent where that is beside the point. */
  readonly found?: string;
  /** What is wanted, or what the operator should do. */
  readonly wanted: string;
}

/** One line: `homeserver.yaml: rc_message.per_second: found "fast", wanted a number`. */
export function formatProblem(problem: ConfigProblem): string {
  const where = [problem.file, problem.key].filter((part) => part !== undefined && part !== "").join(": ");
  const what = problem.found === undefined ? problem.wanted : `found ${problem.found}, wanted ${problem.wanted}`;
  return where === "" ? what : `${where}: ${what}`;
}

/** All that is wrong with the configuration, at once. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly ConfigProblem[]) {
    super(`Error in configuration:\n${problems.map((problem) => `  ${formatProblem(problem)}`).join("\n")}`);
    this.name = "ConfigError";
  }
}

const SECRET = /secret|password|_pass$|pepper|token|smtp_pass|signing_key$|dsn/;

/** A value as an error message shows it: short, and never a secret. */
export function describeValue(key: string, value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const last = key.slice(key.lastIndexOf(".") + 1);
  if (SECRET.test(last) && typeof value === "string") return "a text";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
