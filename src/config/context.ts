import type { Random } from "../lib/random";
import type { ConfigProblem } from "./problems";

type Finding = Omit<ConfigProblem, "file">;

/** What the steps of loading share: where findings go, and what they may do. */
export interface LoadContext {
  readonly problems: ConfigProblem[];
  readonly warnings: ConfigProblem[];
  /** Reports what keeps the server from starting; the file follows from the key. */
  problem(finding: Finding): void;
  warn(finding: Finding): void;
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
  const located = (finding: Finding): ConfigProblem => {
    const file = options.origin.get(/^[^.[]*/.exec(finding.key)?.[0] ?? "");
    return file === undefined ? finding : { file, ...finding };
  };
  return {
    ...options,
    problems,
    warnings,
    problem: (finding) => problems.push(located(finding)),
    warn: (finding) => warnings.push(located(finding)),
  };
}
