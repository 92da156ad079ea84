import type { LogLevel } from "../config/logConfig";
import { currentContext } from "./context";

/** Further facts of a log line: JSON formats write them, text formats only `error`, with its stack. */
export interface LogFields {
  readonly error?: unknown;
  readonly [key: string]: unknown;
}

/** A line on its way to the handlers. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly logger: string;
  readonly level: Exclude<LogLevel, "off">;
  readonly message: string;
  /** Id of the request or background work; empty outside of both. */
  readonly request: string;
  readonly fields: LogFields | (() => LogFields) | undefined;
}

/** The fields of a record, made now if they were not yet. */
export function fieldsOf({ fields }: LogRecord): LogFields | undefined {
  return typeof fields === "function" ? fields() : fields;
}

/** Messages that cost something to make are given as a function: it is called only when somebody wants the line. */
export type LogMessage = string | (() => string);

export interface Logger {
  debug(message: LogMessage, fields?: LogFields): void;
  /** Fields given as a function are made for JSON formats alone. */
  info(message: LogMessage, fields?: LogFields | (() => LogFields)): void;
  warn(message: LogMessage, fields?: LogFields): void;
  error(message: LogMessage, fields?: LogFields): void;
  isEnabled(level: LogRecord["level"]): boolean;
}

/** Gives the logger of a name such as `synapse.handlers.sync`; the same one each time. */
export type LoggerFactory = (name: string) => Logger;

export const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40, off: 100 };

/** Where the lines of a logger go and from which level on. Changes when the log configuration is read again. */
export interface LogRoute {
  readonly threshold: number;
  readonly handlers: readonly { readonly threshold: number; handle(record: LogRecord): void }[];
}

/** A logger whose route can be exchanged. */
export class RoutedLogger implements Logger {
  constructor(
    private readonly name: string,
    private readonly now: () => number,
    private route: LogRoute,
  ) {}

  setRoute(route: LogRoute): void {
    this.route = route;
  }

  debug(message: LogMessage, fields?: LogFields): void {
    if (this.route.threshold <= LEVELS.debug) this.write("debug", message, fields);
  }

  info(message: LogMessage, fields?: LogFields | (() => LogFields)): void {
    if (this.route.threshold <= LEVELS.info) this.write("info", message, fields);
  }

  warn(message: LogMessage, fields?: LogFields): void {
    if (this.route.threshold <= LEVELS.warn) this.write("warn", message, fields);
  }

  error(message: LogMessage, fields?: LogFields): void {
    if (this.route.threshold <= LEVELS.error) this.write("error", message, fields);
  }

  isEnabled(level: LogRecord["level"]): boolean {
    return this.route.threshold <= LEVELS[level];
  }

  private write(level: LogRecord["level"], message: LogMessage, fields: LogRecord["fields"]): void {
    const text = typeof message === "string" ? message : message();
    const request = currentContext()?.id ?? "";
    const record: LogRecord = { time: this.now(), logger: this.name, level, message: text, request, fields };
    const rank = LEVELS[level];
    for (const handler of this.route.handlers) if (handler.threshold <= rank) handler.handle(record);
  }
}
