import { type LogFormatter } from "../config/logConfig";
import { LEVELS, fieldsOf, type LogRecord } from "./logger";
import { createAsctime, strftime } from "./logTime";

/** Gives the text of a record, with the line end. */
export type Format = (record: LogRecord) => string;

const LEVEL_NAMES: Readonly<Record<LogRecord["level"], string>> = { debug: "DEBUG", info: "INFO", warn: "WARNING", error: "ERROR" };

/** Makes the function that formats lines. Without a formatter the message stands alone. */
export function createFormat(formatter: LogFormatter | undefined, serverName: string): Format {
  if (formatter?.kind === "json") return jsonFormat(formatter.flavour, serverName);
  return textFormat(formatter?.format ?? "%(message)s", formatter?.dateFormat, serverName);
}

type Part = string | ((record: LogRecord) => string | number);

/** Python's printf style: `%(name)s`, with flags and width as in `%(levelname)-8s`. */
function textFormat(format: string, dateFormat: string | undefined, serverName: string): Format {
  const values = recordValues(dateFormat, serverName);
  const parts: Part[] = [];
  let end = 0;
  for (const found of format.matchAll(/%(?:%|\((\w+)\)([-0]*)(\d*)(?:\.\d+)?[a-zA-Z])/g)) {
    const [whole, name, flags = "", width = ""] = found;
    parts.push(format.slice(end, found.index));
    if (name === undefined) parts.push("%");
    else parts.push(padded(values[name] ?? (() => ""), flags, Number(width)));
    end = found.index + whole.length;
  }
  parts.push(format.slice(end));
  const used = parts.filter((part) => part !== "");
  return (record) => {
    let text = "";
    for (const part of used) text += typeof part === "string" ? part : part(record);
    // Fields that are made on demand never hold an error.
    const error = typeof record.fields === "object" ? record.fields.error : undefined;
    return error === undefined ? text + "\n" : `${text}\n${stackOf(error)}\n`;
  };
}

function padded(value: (record: LogRecord) => string | number, flags: string, width: number): Part {
  if (width === 0) return value;
  if (flags.includes("-")) return (record) => String(value(record)).padEnd(width);
  return (record) => String(value(record)).padStart(width, flags.includes("0") ? "0" : " ");
}

function recordValues(
  dateFormat: string | undefined,
  serverName: string,
): Readonly<Record<string, (record: LogRecord) => string | number>> {
  const asctime = createAsctime();
  const lastPart = ({ logger }: LogRecord): string => logger.slice(logger.lastIndexOf(".") + 1);
  return {
    asctime: dateFormat === undefined ? ({ time }) => asctime(time) : ({ time }) => strftime(dateFormat, time),
    name: (record) => record.logger,
    levelname: (record) => LEVEL_NAMES[record.level],
    levelno: (record) => LEVELS[record.level],
    message: (record) => record.message,
    request: (record) => record.request,
    created: ({ time }) => (time / 1000).toFixed(6),
    msecs: ({ time }) => Math.floor(time % 1000),
    // Where in the source is not recorded: it would cost a stack trace for each line.
    lineno: () => 0,
    funcName: () => "",
    module: lastPart,
    filename: lastPart,
    pathname: (record) => record.logger,
    process: () => process.pid,
    processName: () => "MainProcess",
    thread: () => 0,
    threadName: () => "MainThread",
    server_name: () => serverName,
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}\nCaused by: ${stackOf(error.cause)}`;
}

/** One JSON object a line, with the keys of Synapse's structured logging. */
function jsonFormat(flavour: "synapse" | "terse" | "gcp", serverName: string): Format {
  return (record) => {
    const seconds = Math.round(record.time / 10) / 100;
    const { error, ...extra } = fieldsOf(record) ?? {};
    const base =
      flavour === "gcp"
        ? { severity: LEVEL_NAMES[record.level], message: record.message, logger: record.logger, time: new Date(record.time).toISOString() }
        : {
            log: record.message,
            namespace: record.logger,
            level: LEVEL_NAMES[record.level],
            ...(flavour === "terse" ? { time: seconds } : {}),
          };
    const request = record.request === "" ? {} : { request: record.request };
    return safeJson({ ...base, ...request, server_name: serverName, ...extra, ...errorFields(error) }) + "\n";
  };
}

function errorFields(error: unknown): object {
  if (error === undefined) return {};
  if (!(error instanceof Error)) return { exc_value: String(error) };
  return { exc_type: error.name, exc_value: error.message, exc_stack: error.stack };
}

/** Logging must not fail for what is logged. */
function safeJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return JSON.stringify(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)])));
  }
}
