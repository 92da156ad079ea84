/** Python's levels in the logger's words. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "off";

export type LogFormatter =
  | {
      readonly kind: "text";
      /** printf form of Python's logging, such as `%(asctime)s - %(name)s - %(levelname)s - %(message)s`. */
      readonly format: string;
      /** strftime form; absent means `YYYY-MM-DD HH:MM:SS,mmm` in local time. */
      readonly dateFormat: string | undefined;
    }
  | { readonly kind: "json"; readonly flavour: "synapse" | "terse" | "gcp" };

/** When a rotating file starts anew. */
export type Rotation =
  | { readonly kind: "none" }
  /** Reopen when the file was moved away. */
  | { readonly kind: "watched" }
  /** `when` as in Python (midnight, S, M, H, D, W0 to W6); the old file becomes `<file>.YYYY-MM-DD` (finer for shorter units). */
  | { readonly kind: "time"; readonly when: string; readonly interval: number; readonly backups: number; readonly utc: boolean }
  /** Old files are called `<file>.1` and so on. */
  | { readonly kind: "size"; readonly maxBytes: number; readonly backups: number };

interface HandlerBase {
  readonly level: LogLevel;
  /** Name of a formatter; absent means the message alone. */
  readonly formatter: string | undefined;
}

export type LogHandler = HandlerBase &
  (
    | { readonly kind: "stream"; readonly stream: "stdout" | "stderr" }
    | { readonly kind: "file"; readonly filename: string; readonly append: boolean; readonly rotation: Rotation }
    /** Holds lines back until `capacity` are there, one at `flushLevel` comes, or `period` ms are over. */
    | {
        readonly kind: "buffer";
        readonly target: string;
        readonly capacity: number;
        readonly flushLevel: LogLevel;
        readonly period: number | undefined;
      }
    | { readonly kind: "syslog"; readonly address: string | { readonly host: string; readonly port: number }; readonly facility: string }
    | { readonly kind: "journal"; readonly identifier: string | undefined }
    /** Newline-delimited JSON over TCP; at most `maximumBuffer` lines wait, debug and info are dropped first. */
    | { readonly kind: "remote"; readonly host: string; readonly port: number; readonly maximumBuffer: number }
    | { readonly kind: "null" }
  );

export interface LoggerConfig {
  /** Absent: as the parent has it. */
  readonly level: LogLevel | undefined;
  readonly handlers: readonly string[];
  /** Whether the handlers of its parents get the lines too. */
  readonly propagate: boolean;
}

/** Python's logging configuration (`dictConfig`), freed from Python. Loggers form a tree by the dots in their names. */
export interface LogConfig {
  /** The file it was read from, for reading it again at SIGHUP. */
  readonly file: string | undefined;
  readonly formatters: ReadonlyMap<string, LogFormatter>;
  /** Buffers come after all others, so after their targets. */
  readonly handlers: ReadonlyMap<string, LogHandler>;
  readonly loggers: ReadonlyMap<string, LoggerConfig>;
  readonly root: { readonly level: LogLevel; readonly handlers: readonly string[] };
}

/** Synapse's line format. */
export const DEFAULT_LOG_FORMAT = "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s";

/** INFO and above to standard error: what happens without a log configuration. */
export const defaultLogConfig: LogConfig = {
  file: undefined,
  formatters: new Map([["precise", { kind: "text", format: DEFAULT_LOG_FORMAT, dateFormat: undefined }]]),
  handlers: new Map([["console", { kind: "stream", stream: "stderr", level: "debug", formatter: "precise" }]]),
  loggers: new Map(),
  root: { level: "info", handlers: ["console"] },
};
