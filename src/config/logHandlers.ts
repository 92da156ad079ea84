import type { LogHandler, Rotation } from "./logConfig";
import { parseLevel } from "./logLevels";

type Mapping = Readonly<Record<string, unknown>>;

export interface HandlerReport {
  problem(key: string, wanted: string): void;
  warn(key: string, wanted: string): void;
}

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const number = (value: unknown, fallback: number): number =>
  typeof value === "number" ? value : typeof value === "string" && /^\d+$/.test(value) ? Number(value) : fallback;

/** A handler out of its part of the file. Classes that nothing here corresponds to become lines on standard error. */
export function parseHandler(name: string, settings: Mapping, report: HandlerReport): LogHandler {
  const level = parseLevel(settings["level"]);
  if (level === null) report.problem(`handlers.${name}.level`, `found ${JSON.stringify(settings["level"])}, wanted a level such as INFO`);
  const base = { level: level ?? "debug", formatter: text(settings["formatter"]) } as const;
  return { ...base, ...target(name, settings, report) };
}

type Target = LogHandler extends infer H ? (H extends LogHandler ? Omit<H, "level" | "formatter"> : never) : never;

function target(name: string, settings: Mapping, report: HandlerReport): Target {
  const className = text(settings["class"]) ?? text(settings["()"]) ?? "";
  const short = className.slice(className.lastIndexOf(".") + 1);
  const make = Object.hasOwn(makers, short) ? makers[short] : undefined;
  if (make !== undefined) return make(name, settings, report);
  report.warn(`handlers.${name}.class`, `${JSON.stringify(className)} is not known here: these lines go to standard error`);
  return { kind: "stream", stream: "stderr" };
}

type Maker = (name: string, settings: Mapping, report: HandlerReport) => Target;

const makers: Readonly<Record<string, Maker>> = {
  StreamHandler: (_name, settings) => ({ kind: "stream", stream: settings["stream"] === "ext://sys.stdout" ? "stdout" : "stderr" }),
  FileHandler: (name, settings, report) => file(name, settings, report, { kind: "none" }),
  WatchedFileHandler: (name, settings, report) => file(name, settings, report, { kind: "watched" }),
  TimedRotatingFileHandler: (name, settings, report) =>
    file(name, settings, report, {
      kind: "time",
      when: text(settings["when"]) ?? "H",
      interval: number(settings["interval"], 1),
      backups: number(settings["backupCount"], 0),
      utc: settings["utc"] === true,
    }),
  RotatingFileHandler: (name, settings, report) =>
    file(name, settings, report, { kind: "size", maxBytes: number(settings["maxBytes"], 0), backups: number(settings["backupCount"], 0) }),
  MemoryHandler: (name, settings, report) => buffer(name, settings, report, undefined),
  PeriodicallyFlushingMemoryHandler: (name, settings, report) => buffer(name, settings, report, number(settings["period"], 5) * 1000),
  SysLogHandler: (_name, settings) => ({
    kind: "syslog",
    address: syslogAddress(settings["address"]),
    facility: text(settings["facility"]) ?? "user",
  }),
  JournalHandler: journal,
  JournaldLogHandler: journal,
  RemoteHandler: (_name, settings) => ({
    kind: "remote",
    host: text(settings["host"]) ?? "localhost",
    port: number(settings["port"], 9000),
    maximumBuffer: number(settings["maximum_buffer"], 1000),
  }),
  NullHandler: () => ({ kind: "null" }),
};

function file(name: string, settings: Mapping, report: HandlerReport, rotation: Rotation): Target {
  const filename = text(settings["filename"]);
  if (filename === undefined) report.problem(`handlers.${name}.filename`, "must be given");
  return { kind: "file", filename: filename ?? "", append: settings["mode"] !== "w", rotation };
}

/** `flushLevel` is ERROR by default, as in Python. */
function buffer(name: string, settings: Mapping, report: HandlerReport, period: number | undefined): Target {
  const to = text(settings["target"]);
  if (to === undefined) report.problem(`handlers.${name}.target`, "must name another handler");
  const flushLevel = parseLevel(settings["flushLevel"]) ?? "error";
  return { kind: "buffer", target: to ?? "", capacity: number(settings["capacity"], 1000), flushLevel, period };
}

function journal(_name: string, settings: Mapping): Target {
  return { kind: "journal", identifier: text(settings["SYSLOG_IDENTIFIER"]) };
}

function syslogAddress(value: unknown): string | { host: string; port: number } {
  if (typeof value === "string") return value;
  const [host, port] = Array.isArray(value) ? (value as unknown[]) : [];
  return { host: text(host) ?? "localhost", port: number(port, 514) };
}
