import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ConfigProblem } from "./problems";
import { parseYaml } from "./yaml";

/** One configuration file, as a mapping of its top-level keys. */
export interface ConfigSource {
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Sources {
  readonly sources: readonly ConfigSource[];
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Reads files, and of directories their `*.yaml` in sorted order. */
export function readSources(paths: readonly string[]): Sources {
  const sources: ConfigSource[] = [];
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  for (const path of paths) {
    const files = filesAt(path, problems, warnings);
    for (const file of files) {
      const source = readSource(file, problems, warnings);
      if (source !== undefined) sources.push(source);
    }
  }
  return { sources, problems, warnings };
}

function filesAt(path: string, problems: ConfigProblem[], warnings: ConfigProblem[]): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).sort();
    const other = names.filter((name) => name.endsWith(".yml"));
    for (const name of other) warnings.push({ file: join(path, name), key: "", wanted: "ignored: only files that end in .yaml are read" });
    return names.filter((name) => name.endsWith(".yaml")).map((name) => join(path, name));
  } catch (error) {
    problems.push({ file: path, key: "", wanted: `cannot be read: ${reason(error)}` });
    return [];
  }
}

function readSource(file: string, problems: ConfigProblem[], warnings: ConfigProblem[]): ConfigSource | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    problems.push({ file, key: "", wanted: `cannot be read: ${reason(error)}` });
    return undefined;
  }
  const { value, problem, warning } = parseYaml(text, file);
  if (problem !== undefined) problems.push(problem);
  if (warning !== undefined) warnings.push(warning);
  if (problem !== undefined) return undefined;
  if (value === undefined || value === null) {
    warnings.push({ file, key: "", wanted: "ignored: it is empty" });
    return undefined;
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    problems.push({ file, key: "", wanted: "must hold keys and values at the top level" });
    return undefined;
  }
  return { file, values: value as Record<string, unknown> };
}

/** A system error in words: `no such file or directory`. */
export function reason(error: unknown): string {
  const message = (error as { readonly message?: unknown } | null)?.message;
  if (typeof message !== "string") return String(error);
  return /^[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
}

export interface MergedSources {
  /** A deep copy: anchors may have made parts of the file share memory. */
  readonly raw: Record<string, unknown>;
  /** Which file gave which top-level key. */
  readonly origin: ReadonlyMap<string, string>;
}

/** Lays the files over one another: of each top-level key the last file's value counts, whole. */
export function mergeSources(sources: readonly ConfigSource[]): MergedSources {
  const raw: Record<string, unknown> = {};
  const origin = new Map<string, string>();
  for (const { file, values } of sources) {
    for (const [key, value] of Object.entries(values)) {
      raw[key] = deepCopy(value);
      if (file !== "") origin.set(key, file);
    }
  }
  return { raw, origin };
}

function deepCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepCopy);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, deepCopy(child)]));
}
