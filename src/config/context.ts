import type { Random } from "../lib/random";
import type { ConfigProblem } from "./problems";

type Finding = Omit<ConfigProblem, "file">;

/** What the steps of loading share: where findings go, and what they may do. */
export interface LoadContext {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
  /** Files that do not exist, and that are made at the next real start. */
  readonly missing: ConfigProblem[];
  /** Reports what keeps the server from starting; the file follows from the key. */
  problem(finding: Finding): void;
  warn(finding: Finding): void;
  willBeMade(key: string, path: string): void;
  /** From now on says nothing about this top-level key: its value was wrong, and is left out. */
  leaveOut(key: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes files that are missing: signing key, log configuration, secrets. Absent: nothing is written. */
  readonly createMissing: Random | undefined;
  readonly noSecretsInConfig: boolean;
  /** Directories of the configuration files, in the order given. Never empty. */
  readonly configDirectories: readonly string[];
}

export interface ContextOptions {
  readonly origin: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly createMissing: Random | undefined;
  readonly noSecretsInConfig: boolean;
  readonly configDirectories: readonly string[];
}

export function createContext(options: ContextOptions): LoadContext {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const missing: ConfigProblem[] = [];
  const leftOut = new Set<string>();
  const located = (finding: Finding): ConfigProblem => {
    const file = options.origin.get(topLevelKey(finding.key));
    return file === undefined ? finding : { file, ...finding };
  };
  return {
    ...options,
    problems,
    warnings,
    missing,
    problem: (finding) => {
      if (!leftOut.has(topLevelKey(finding.key))) problems.push(located(finding));
    },
    warn: (finding) => warnings.push(located(finding)),
    leaveOut: (key) => leftOut.add(key),
    willBeMade: (key, path) => missing.push(located({ key, wanted: `${path} does not exist yet; it is made when the server starts` })),
  };
}

/** `listeners` of `listeners[0].port`. */
export function topLevelKey(path: string): string {
  return /^[^.[]*/.exec(path)?.[0] ?? "";
}
