import { readFileSync } from "node:fs";
import type { LogConfig, LogFormatter, LoggerConfig, LogHandler } from "./logConfig";
import type { HandlerReport } from "./logHandlers";
import { parseHandler } from "./logHandlers";
import { parseLevel } from "./logLevels";
import type { ConfigProblem } from "./problems";
import { ConfigError } from "./problems";
import { reason } from "./sources";
import { parseYaml } from "./yaml";

type Mapping = Readonly<Record<string, unknown>>;

export interface ParsedLogConfig {
  readonly log: LogConfig;
  readonly warnings: readonly ConfigProblem[];
}

/** Reads a file in the form of Python's `logging.config.dictConfig`. Throws ConfigError. */
export function readLogConfig(file: string): ParsedLogConfig {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([{ file, key: "", wanted: `cannot be read: ${reason(error)}` }]);
  }
  return parseLogConfig(text, file);
}

/** Reads the text of such a file. What has no counterpart here is a warning: logging must not keep the server from starting. */
export function parseLogConfig(text: string, file: string): ParsedLogConfig {
  const { value, problem } = parseYaml(text, file);
  if (problem !== undefined) throw new ConfigError([problem]);
  if (!isMapping(value)) throw new ConfigError([{ file, key: "", wanted: "must be a logging configuration" }]);
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const report: HandlerReport = {
    problem: (key, wanted) => problems.push({ file, key, wanted }),
    warn: (key, wanted) => warnings.push({ file, key, wanted }),
  };
  if (value["structured"] !== undefined || value["drains"] !== undefined) {
    report.problem(
      "structured",
      "the form with drains is no longer supported: use handlers with the formatter class synapse.logging.JsonFormatter",
    );
  }
  if (value["version"] !== 1) report.problem("version", `found ${JSON.stringify(value["version"])}, wanted 1`);
  const log = parse(value, file, report);
  if (problems.length > 0) throw new ConfigError(problems);
  return { log, warnings };
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The mappings under a key. */
function entriesOf(value: Mapping, key: string): [string, Mapping][] {
  const section = value[key];
  return isMapping(section) ? Object.entries(section).map(([name, entry]) => [name, isMapping(entry) ? entry : {}]) : [];
}

function parse(value: Mapping, file: string, report: HandlerReport): LogConfig {
  const formatters = new Map<string, LogFormatter>(
    entriesOf(value, "formatters").map(([name, entry]) => [name, parseFormatter(name, entry, report)]),
  );
  const parsed = entriesOf(value, "handlers").map(([name, entry]): [string, LogHandler] => [name, parseHandler(name, entry, report)]);
  const handlers = new Map(parsed.sort(([, a], [, b]) => Number(a.kind === "buffer") - Number(b.kind === "buffer")));
  for (const [name, handler] of handlers) {
    if (handler.formatter !== undefined && !formatters.has(handler.formatter)) {
      report.problem(`handlers.${name}.formatter`, `${JSON.stringify(handler.formatter)} is not among the formatters`);
    }
    if (handler.kind === "buffer" && handler.target !== "" && !handlers.has(handler.target)) {
      report.problem(`handlers.${name}.target`, `${JSON.stringify(handler.target)} is not among the handlers`);
    }
  }
  const known = (at: string, entry: Mapping): readonly string[] => knownHandlers(at, entry, handlers, report);
  const loggers = new Map<string, LoggerConfig>(
    entriesOf(value, "loggers").map(([name, entry]) => [name, parseLogger(`loggers.${name}`, entry, known, report)]),
  );
  const root = isMapping(value["root"]) ? value["root"] : {};
  return { file, formatters, handlers, loggers, root: { level: levelOf("root", root, report) ?? "warn", handlers: known("root", root) } };
}

function parseFormatter(name: string, entry: Mapping, report: HandlerReport): LogFormatter {
  const className = [entry["class"], entry["()"]].find((item) => typeof item === "string") as string | undefined;
  const short = className?.slice(className.lastIndexOf(".") + 1);
  if (short === "JsonFormatter" && className?.startsWith("synapse.") === true) return { kind: "json", flavour: "synapse" };
  if (short === "TerseJsonFormatter") return { kind: "json", flavour: "terse" };
  if (short === "GcpJsonFormatter") return { kind: "json", flavour: "gcp" };
  if (short !== undefined && short !== "LogFormatter" && short !== "Formatter") {
    report.warn(`formatters.${name}.class`, `${JSON.stringify(className)} is not known here: the lines are written as JSON`);
    return { kind: "json", flavour: "synapse" };
  }
  const format = entry["format"] ?? entry["fmt"];
  const dateFormat = entry["datefmt"];
  return {
    kind: "text",
    format: typeof format === "string" ? format : "%(message)s",
    dateFormat: typeof dateFormat === "string" ? dateFormat : undefined,
  };
}

function parseLogger(
  at: string,
  entry: Mapping,
  known: (at: string, entry: Mapping) => readonly string[],
  report: HandlerReport,
): LoggerConfig {
  return { level: levelOf(at, entry, report), handlers: known(at, entry), propagate: entry["propagate"] !== false };
}

function levelOf(at: string, entry: Mapping, report: HandlerReport): LoggerConfig["level"] {
  const level = parseLevel(entry["level"]);
  if (level === null) report.problem(`${at}.level`, `found ${JSON.stringify(entry["level"])}, wanted a level such as INFO`);
  return level ?? undefined;
}

function knownHandlers(at: string, entry: Mapping, handlers: ReadonlyMap<string, LogHandler>, report: HandlerReport): readonly string[] {
  const names = Array.isArray(entry["handlers"]) ? entry["handlers"].map(String) : [];
  for (const name of names) {
    if (!handlers.has(name)) report.problem(`${at}.handlers`, `${JSON.stringify(name)} is not among the handlers`);
  }
  return names.filter((name) => handlers.has(name));
}
