import { logConfigText } from "../../../src/config/logConfigText";
import type { LogConfig } from "../../../src/config/logConfig";
import { parseLogConfig } from "../../../src/config/parseLogConfig";
import { ConfigError, formatProblem } from "../../../src/config/problems";

const parse = (text: string) => parseLogConfig(text, "log.yaml");

function plain({ formatters, handlers, loggers, root }: LogConfig): unknown {
  return { formatters: Object.fromEntries(formatters), handlers: Object.fromEntries(handlers), loggers: Object.fromEntries(loggers), root };
}

test("the generated file", () => {
  const { log, warnings } = parse(logConfigText("/data/homeserver.log"));
  expect(warnings).toEqual([]);
  expect(plain(log)).toEqual({
    formatters: {
      precise: {
        kind: "text",
        format: "%(asctime)s - %(name)s - %(lineno)d - %(levelname)s - %(request)s - %(message)s",
        dateFormat: undefined,
      },
    },
    handlers: {
      file: {
        kind: "file",
        filename: "/data/homeserver.log",
        append: true,
        level: "debug",
        formatter: "precise",
        rotation: { kind: "time", when: "midnight", interval: 1, backups: 3, utc: false },
      },
      buffer: { kind: "buffer", target: "file", capacity: 10, flushLevel: "warn", period: 5000, level: "debug", formatter: undefined },
      console: { kind: "stream", stream: "stderr", level: "debug", formatter: "precise" },
    },
    loggers: { "synapse.storage.SQL": { level: "info", handlers: [], propagate: true } },
    root: { level: "info", handlers: ["buffer"] },
  });
});

const handler = (settings: string): unknown => {
  const {
    level: _,
    formatter: __,
    ...rest
  } = parse(`version: 1\nhandlers: {x: ${settings}, t: {class: logging.NullHandler}}`).log.handlers.get("x") ?? {
    level: "",
    formatter: "",
  };
  return rest;
};

test.each([
  ["{class: logging.StreamHandler}", { kind: "stream", stream: "stderr" }],
  ["{class: logging.StreamHandler, stream: 'ext://sys.stdout'}", { kind: "stream", stream: "stdout" }],
  ["{class: logging.FileHandler, filename: f, mode: w}", { kind: "file", filename: "f", append: false, rotation: { kind: "none" } }],
  [
    "{class: logging.handlers.WatchedFileHandler, filename: f}",
    { kind: "file", filename: "f", append: true, rotation: { kind: "watched" } },
  ],
  [
    "{class: logging.handlers.RotatingFileHandler, filename: f, maxBytes: 1000, backupCount: 2}",
    { kind: "file", filename: "f", append: true, rotation: { kind: "size", maxBytes: 1000, backups: 2 } },
  ],
  [
    "{class: logging.handlers.TimedRotatingFileHandler, filename: f, when: W0, interval: 2, utc: true}",
    { kind: "file", filename: "f", append: true, rotation: { kind: "time", when: "W0", interval: 2, backups: 0, utc: true } },
  ],
  [
    "{class: logging.handlers.MemoryHandler, target: t, capacity: 5}",
    { kind: "buffer", target: "t", capacity: 5, flushLevel: "error", period: undefined },
  ],
  ["{class: logging.handlers.SysLogHandler, address: /dev/log}", { kind: "syslog", address: "/dev/log", facility: "user" }],
  [
    "{class: logging.handlers.SysLogHandler, address: [h, 515], facility: local0}",
    { kind: "syslog", address: { host: "h", port: 515 }, facility: "local0" },
  ],
  ["{class: systemd.journal.JournalHandler, SYSLOG_IDENTIFIER: s}", { kind: "journal", identifier: "s" }],
  ["{class: synapse.logging.RemoteHandler, host: h, port: 9000}", { kind: "remote", host: "h", port: 9000, maximumBuffer: 1000 }],
  ["{class: logging.NullHandler}", { kind: "null" }],
])("handler %s", (settings, expected) => {
  expect(handler(settings)).toEqual(expected);
});

test.each([
  ["{format: '%(message)s', datefmt: '%H:%M'}", { kind: "text", format: "%(message)s", dateFormat: "%H:%M" }],
  ["{}", { kind: "text", format: "%(message)s", dateFormat: undefined }],
  ["{'()': synapse.logging.formatter.LogFormatter, format: x}", { kind: "text", format: "x", dateFormat: undefined }],
  ["{class: synapse.logging.JsonFormatter}", { kind: "json", flavour: "synapse" }],
  ["{class: synapse.logging.TerseJsonFormatter}", { kind: "json", flavour: "terse" }],
  ["{class: synapse.logging.GcpJsonFormatter}", { kind: "json", flavour: "gcp" }],
])("formatter %s", (settings, expected) => {
  expect(parse(`version: 1\nformatters: {x: ${settings}}`).log.formatters.get("x")).toEqual(expected);
});

test.each([
  ["DEBUG", "debug"],
  ["warning", "warn"],
  ["CRITICAL", "error"],
  [20, "info"],
  ["30", "warn"],
  [100, "off"],
])("level %p is %s", (level, expected) => {
  expect(parse(`version: 1\nroot: {level: ${JSON.stringify(level)}}`).log.root.level).toBe(expected);
});

test("loggers inherit what they do not say", () => {
  const { loggers } = parse(
    "version: 1\nhandlers: {n: {class: logging.NullHandler}}\nloggers: {a: {level: NOTSET}, b: {handlers: [n], propagate: false}}",
  ).log;
  expect(Object.fromEntries(loggers)).toEqual({
    a: { level: undefined, handlers: [], propagate: true },
    b: { level: undefined, handlers: ["n"], propagate: false },
  });
});

test("buffers come after what they write to", () => {
  const text = "version: 1\nhandlers: {b: {class: logging.handlers.MemoryHandler, target: n}, n: {class: logging.NullHandler}}";
  expect([...parse(text).log.handlers.keys()]).toEqual(["n", "b"]);
});

test("what is unknown here does not keep the server from starting", () => {
  const text =
    "version: 1\nformatters: {j: {class: pythonjsonlogger.jsonlogger.JsonFormatter}}\nhandlers: {x: {class: graypy.GELFUDPHandler, host: h}}\nfilters: {context: {(): a.b}}";
  const { log, warnings } = parse(text);
  expect(plain(log)).toMatchObject({ formatters: { j: { kind: "json" } }, handlers: { x: { kind: "stream", stream: "stderr" } } });
  expect(warnings.map(formatProblem)).toEqual([
    'log.yaml: formatters.j.class: "pythonjsonlogger.jsonlogger.JsonFormatter" is not known here: the lines are written as JSON',
    'log.yaml: handlers.x.class: "graypy.GELFUDPHandler" is not known here: these lines go to standard error',
  ]);
});

function problemsOf(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.problems.map(formatProblem) : [String(error)];
  }
}

test.each([
  ["[]", ["log.yaml: must be a logging configuration"]],
  ["a: [", ["log.yaml, line 1, column 5: not valid YAML: unexpected end of the stream within a flow collection"]],
  ["version: 2", ["log.yaml: version: found 2, wanted 1"]],
  [
    "version: 1\nstructured: true\ndrains: {}",
    [
      "log.yaml: structured: the form with drains is no longer supported: use handlers with the formatter class synapse.logging.JsonFormatter",
    ],
  ],
  [
    "version: 1\nhandlers: {a: {class: logging.FileHandler, formatter: f, level: LOUD}, b: {class: logging.handlers.MemoryHandler, target: z}}\nroot: {level: x, handlers: [q]}",
    [
      'log.yaml: handlers.a.level: found "LOUD", wanted a level such as INFO',
      "log.yaml: handlers.a.filename: must be given",
      'log.yaml: handlers.a.formatter: "f" is not among the formatters',
      'log.yaml: handlers.b.target: "z" is not among the handlers',
      'log.yaml: root.level: found "x", wanted a level such as INFO',
      'log.yaml: root.handlers: "q" is not among the handlers',
    ],
  ],
])("%j is refused", (text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});
