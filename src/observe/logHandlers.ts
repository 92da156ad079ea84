import { writeSync } from "node:fs";
import type { LogConfig, LogHandler } from "../config/logConfig";
import type { Clock } from "../lib/clock";
import { LogFile } from "./logFile";
import { createFormat, type Format } from "./logFormat";
import { LEVELS, type LogRecord } from "./logger";
import { journalPrefix, loggerProgram, priorityPrefix, TcpLines, udpStream } from "./logNetwork";
import { BatchSink, type LogTarget, type Sink } from "./logSink";

/** A handler at work: formats records and passes the lines on. */
export interface ActiveHandler {
  /** Rank of the lowest level that it takes. */
  readonly threshold: number;
  readonly sink: Sink;
  readonly format: Format;
  handle(record: LogRecord): void;
}

export interface HandlerContext {
  readonly config: LogConfig;
  readonly clock: Clock;
  readonly serverName: string;
  /** For trouble with the log itself: it cannot be logged. */
  readonly onTrouble: (message: string) => void;
}

/** Makes the handlers of a configuration, buffers in front of their targets. Throws when a file cannot be opened. */
export function createHandlers(context: HandlerContext): Map<string, ActiveHandler> {
  const made = new Map<string, ActiveHandler>();
  const underWay = new Set<string>();

  function require(name: string): ActiveHandler | undefined {
    const known = made.get(name);
    const settings = context.config.handlers.get(name);
    if (known || !settings || underWay.has(name)) return known;
    underWay.add(name);
    const handler = settings.kind === "buffer" ? createBuffer(settings, require(settings.target)) : createDirect(settings, context);
    if (handler) made.set(name, handler);
    return handler;
  }

  for (const name of context.config.handlers.keys()) require(name);
  return made;
}

function createDirect(settings: Exclude<LogHandler, { kind: "buffer" }>, context: HandlerContext): ActiveHandler | undefined {
  const target = targetOf(settings, context);
  if (!target) return undefined;
  const formatter = settings.formatter === undefined ? undefined : context.config.formatters.get(settings.formatter);
  // The TCP protocol is JSON lines, whatever the formatter.
  const plain = createFormat(settings.kind === "remote" ? { kind: "json", flavour: "terse" } : formatter, context.serverName);
  const prefix = prefixOf(settings);
  const format: Format = prefix ? (record) => prefix(record.level) + oneLine(plain(record)) : plain;
  const sink = new BatchSink(target);
  return { threshold: LEVELS[settings.level], sink, format, handle: (record) => sink.write(format(record)) };
}

/** Syslog and the journal take each line for a message of its own. */
const oneLine = (text: string): string => text.trimEnd().replaceAll("\n", " | ") + "\n";

function prefixOf(settings: LogHandler): ((level: LogRecord["level"]) => string) | undefined {
  if (settings.kind === "syslog") return (level) => priorityPrefix(settings.facility, level);
  // systemd sets this variable when standard error is connected to the journal.
  if (settings.kind === "journal" && process.env["JOURNAL_STREAM"] !== undefined) return journalPrefix;
  return undefined;
}

function targetOf(settings: Exclude<LogHandler, { kind: "buffer" }>, { clock, onTrouble }: HandlerContext): LogTarget | undefined {
  switch (settings.kind) {
    case "stream":
      return standardStream(settings.stream);
    case "journal":
      return standardStream("stderr");
    case "file": {
      const { filename, append, rotation } = settings;
      const stream = new LogFile({ filename, append, rotation, clock, onTrouble });
      return { stream, ends: true, writeSync: (text) => stream.writeSync(text) };
    }
    case "syslog": {
      const { address } = settings;
      const stream = typeof address === "string" ? loggerProgram(address, "synapse", onTrouble) : udpStream(address.host, address.port);
      return { stream, ends: true };
    }
    case "remote": {
      const { host, port, maximumBuffer } = settings;
      return { stream: new TcpLines({ host, port, maximum: maximumBuffer }), ends: true };
    }
    case "null":
      return undefined;
  }
}

function standardStream(name: "stdout" | "stderr"): LogTarget {
  return { stream: process[name], ends: false, writeSync: (text) => void writeSync(name === "stdout" ? 1 : 2, text) };
}

/** As Python's MemoryHandler: holds lines, in the target's format, until there are enough, one matters, or time is up. */
function createBuffer(settings: LogHandler & { kind: "buffer" }, target: ActiveHandler | undefined): ActiveHandler | undefined {
  if (!target) return undefined;
  const { sink, format } = target;
  const flushRank = LEVELS[settings.flushLevel];
  let held = "";
  let count = 0;
  const flush = (): void => {
    if (count > 0) sink.write(held);
    held = "";
    count = 0;
  };
  const timer = settings.period === undefined ? undefined : setInterval(flush, settings.period);
  timer?.unref();
  const stop = (): void => {
    clearInterval(timer);
    flush();
  };
  return {
    threshold: LEVELS[settings.level],
    sink: { write: (lines) => sink.write(lines), flush, close: () => Promise.resolve(stop()), closeSync: stop },
    format,
    handle(record) {
      held += format(record);
      if (++count >= settings.capacity || LEVELS[record.level] >= flushRank) flush();
    },
  };
}
