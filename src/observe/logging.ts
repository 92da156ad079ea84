import type { LogConfig, LoggerConfig } from "../config/logConfig";
import type { Clock } from "../lib/clock";
import { createHandlers, type ActiveHandler } from "./logHandlers";
import { LEVELS, RoutedLogger, type LoggerFactory, type LogRoute } from "./logger";

export interface LoggingOptions {
  readonly config: LogConfig;
  readonly clock: Clock;
  readonly serverName: string;
}

/** The logging of a process. */
export interface Logging {
  readonly log: LoggerFactory;
  /** Takes another configuration, for loggers already in use too; files are opened anew (SIGHUP). */
  reload(config: LogConfig): Promise<void>;
  /** Writes all that is held back. */
  close(): Promise<void>;
  /** The same for the very end of the process, where nothing asynchronous happens. */
  closeSync(): void;
}

/** Sets logging up. Throws when a log file cannot be opened. */
export function createLogging({ config, clock, serverName }: LoggingOptions): Logging {
  const onTrouble = (message: string): void => void process.stderr.write(`synapse-ts: ${message}\n`);
  const loggers = new Map<string, RoutedLogger>();
  let current = { config, handlers: createHandlers({ config, clock, serverName, onTrouble }) };

  /** Buffers come after their targets in the map, and must be emptied into them first. */
  const sinks = (handlers: ReadonlyMap<string, ActiveHandler>) => [...handlers.values()].reverse().map((handler) => handler.sink);

  async function closeAll(handlers: ReadonlyMap<string, ActiveHandler>): Promise<void> {
    for (const sink of sinks(handlers)) await sink.close();
  }

  return {
    log(name) {
      let logger = loggers.get(name);
      if (!logger) loggers.set(name, (logger = new RoutedLogger(name, clock.now, routeOf(name, current.config, current.handlers))));
      return logger;
    },
    async reload(next) {
      const before = current.handlers;
      // Files are begun anew only at the start of the process.
      const kept = new Map(
        [...next.handlers].map(([name, handler]) => [name, handler.kind === "file" ? { ...handler, append: true } : handler]),
      );
      current = { config: next, handlers: createHandlers({ config: { ...next, handlers: kept }, clock, serverName, onTrouble }) };
      for (const [name, logger] of loggers) logger.setRoute(routeOf(name, current.config, current.handlers));
      await closeAll(before);
    },
    close: () => closeAll(current.handlers),
    closeSync: () => sinks(current.handlers).forEach((sink) => sink.closeSync()),
  };
}

/** A name's own settings and those of its parents, nearest first: `a.b.c`, `a.b`, `a`. */
function ancestry(name: string, loggers: LogConfig["loggers"]): LoggerConfig[] {
  const found: LoggerConfig[] = [];
  for (let part = name; part !== ""; part = part.slice(0, Math.max(0, part.lastIndexOf(".")))) {
    const settings = loggers.get(part);
    if (settings) found.push(settings);
  }
  return found;
}

/** Python's rules: the nearest level counts; lines go to the handlers of all parents, up to one that does not propagate. */
function routeOf(name: string, { loggers, root }: LogConfig, handlers: ReadonlyMap<string, ActiveHandler>): LogRoute {
  const line = ancestry(name, loggers);
  const level = line.find((settings) => settings.level !== undefined)?.level ?? root.level;
  const stop = line.findIndex((settings) => !settings.propagate);
  const reached = stop < 0 ? line : line.slice(0, stop + 1);
  const names = [...reached.flatMap((settings) => settings.handlers), ...(stop < 0 ? root.handlers : [])];
  const active = names.flatMap((handler) => handlers.get(handler) ?? []);
  // A line that nobody would take is not worth making.
  const lowest = Math.min(LEVELS.off, ...active.map((handler) => handler.threshold));
  return { threshold: active.length === 0 ? LEVELS.off : Math.max(LEVELS[level], lowest), handlers: active };
}
