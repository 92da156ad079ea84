import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLogConfig } from "../../../src/config/parseLogConfig";
import { DEFAULT_LOG_FORMAT, type LogFormatter } from "../../../src/config/logConfig";
import { newContext, runInContext } from "../../../src/observe/context";
import { createLogging, type Logging } from "../../../src/observe/logging";
import { createFormat } from "../../../src/observe/logFormat";
import type { LogRecord } from "../../../src/observe/logger";
import { strftime } from "../../../src/observe/logTime";
import { logRequest, redactUrl, requestLine } from "../../../src/observe/accessLog";

const NOON = new Date(2026, 10, 24, 12, 0, 0, 7).getTime();
const directory = mkdtempSync(join(tmpdir(), "synapse-ts-log-"));
afterAll(() => rmSync(directory, { recursive: true }));

const record = (more: Partial<LogRecord> = {}): LogRecord => ({
  time: NOON,
  logger: "synapse.handlers.sync",
  level: "warn",
  message: "hello",
  request: "GET-7",
  fields: undefined,
  ...more,
});

const text = (format: string, dateFormat?: string): LogFormatter => ({ kind: "text", format, dateFormat });

test.each<[string, LogFormatter | undefined, Partial<LogRecord>, string | RegExp]>([
  ["Synapse's", text(DEFAULT_LOG_FORMAT), {}, "2026-11-24 12:00:00,007 - synapse.handlers.sync - 0 - WARNING - GET-7 - hello\n"],
  ["without a request", text("%(request)s|%(message)s"), { request: "" }, "|hello\n"],
  [
    "width and percent",
    text("%(levelname)-8s|%(lineno)4d|%(lineno)03d|100%%|%(nonsense)s|"),
    { level: "info" },
    "INFO    |   0|000|100%||\n",
  ],
  ["others", text("%(levelno)s %(module)s %(server_name)s %(process)d"), {}, `30 sync example.org ${process.pid}\n`],
  ["date format", text("%(asctime)s %(message)s", "%d/%b/%y %H:%M"), {}, "24/Nov/26 12:00 hello\n"],
  ["none", undefined, {}, "hello\n"],
  [
    "an error with its stack and cause",
    text("%(message)s"),
    { fields: { error: new Error("a", { cause: new Error("b") }) } },
    /^hello\nError: a\n {4}at .*\nCaused by: Error: b\n/s,
  ],
  [
    "JSON",
    { kind: "json", flavour: "synapse" },
    {},
    '{"log":"hello","namespace":"synapse.handlers.sync","level":"WARNING","request":"GET-7","server_name":"example.org"}\n',
  ],
  [
    "terse JSON",
    { kind: "json", flavour: "terse" },
    { fields: { a: 1 } },
    new RegExp(`"time":${NOON / 1000 - 0.007 + 0.01},"request":"GET-7","server_name":"example.org","a":1}\n$`),
  ],
  [
    "GCP",
    { kind: "json", flavour: "gcp" },
    { fields: () => ({ lazy: true }) },
    /^{"severity":"WARNING","message":"hello","logger":"synapse.handlers.sync","time":".*","lazy":true}\n$/,
  ],
  [
    "JSON of an error",
    { kind: "json", flavour: "synapse" },
    { fields: { error: new TypeError("x") } },
    /"exc_type":"TypeError","exc_value":"x"/,
  ],
  ["JSON of what JSON cannot hold", { kind: "json", flavour: "synapse" }, { fields: { n: 5n } }, /"n":"5"/],
])("format: %s", (_, formatter, more, expected) => {
  const line = createFormat(formatter, "example.org")(record(more));
  if (typeof expected === "string") expect(line).toBe(expected);
  else expect(line).toMatch(expected);
});

test("strftime", () => {
  expect(strftime("%Y-%m-%d %T %p %I %A %B %% %Q %f", NOON)).toBe("2026-11-24 12:00:00 PM 12 Tuesday November % %Q 007000");
  expect(strftime("%z", NOON)).toMatch(/^[+-]\d{4}$/);
});

test("secrets stay out of the log", () => {
  expect(redactUrl("/x?access_token=abc&b=1&client_secret=def")).toBe("/x?access_token=<redacted>&b=1&client_secret=<redacted>");
  expect(redactUrl("/x?b=access_token=c")).toBe("/x?b=access_token=c");
});

test("the request line", () => {
  const context = { ...newContext("GET-1", "SyncRestServlet"), requester: "@a:x", dbCount: 3, dbTimeMs: 1500, dbWaitMs: 1, dbEvents: 2 };
  const line = { context, ip: "::1", tag: "8008", method: "GET", url: "/sync", httpVersion: "1.1", userAgent: "ua", status: 200 };
  const times = { clientLeft: false, bytes: 12, handleMs: 61_005.4, sendMs: 9.9, cpuMs: 0.2 };
  expect(requestLine({ ...line, ...times })).toBe(
    '::1 - 8008 - {@a:x} Processed request: 61.005sec/0.010sec (0.000sec, 0.000sec) (0.001sec/1.500sec/3) 12B 200 "GET /sync HTTP/1.1" "ua" [2 dbevts]',
  );
  expect(requestLine({ ...line, ...times, context: newContext("1", "x"), clientLeft: true })).toContain(
    '{None} Processed request: 61.005sec/-0.010sec (0.000sec, 0.000sec) (0.000sec/0.000sec/0) 12B 200! "GET',
  );
});

let logging: Logging | undefined;
afterEach(() => logging?.close());

function start(yaml: string, time = { ms: NOON }): Logging {
  const { log: config } = parseLogConfig(
    `version: 1\nformatters: {f: {format: '%(name)s %(levelname)s %(request)s %(message)s'}, j: {class: synapse.logging.TerseJsonFormatter}}\n${yaml}`,
    "log.yaml",
  );
  return (logging = createLogging({ config, clock: { now: () => time.ms, monotonic: () => time.ms }, serverName: "example.org" }));
}

const path = (name: string): string => join(directory, name);
const read = (name: string): string[] => (existsSync(path(name)) ? readFileSync(path(name), "utf8").split("\n").slice(0, -1) : []);
const fileHandler = (name: string, more = ""): string => `{class: logging.FileHandler, formatter: f, filename: ${path(name)}${more}}`;

test("loggers form a tree: levels, handlers, propagation", async () => {
  const { log, close } = start(`
handlers: {all: ${fileHandler("all")}, sql: ${fileHandler("sql")}, errors: ${fileHandler("errors", ", level: ERROR")}}
loggers:
  synapse: {level: WARNING}
  synapse.storage.SQL: {level: DEBUG, handlers: [sql], propagate: false}
  synapse.access: {level: INFO}
root: {level: INFO, handlers: [all, errors]}
`);
  const sql = log("synapse.storage.SQL");
  expect(log("synapse.storage.SQL")).toBe(sql);
  sql.debug("select");
  log("synapse.storage.SQL.x").debug("child");
  log("synapse.handlers").info("quiet");
  log("synapse.handlers").warn("loud");
  log("synapse.access.http.8008").info("request");
  log("other").debug("no");
  runInContext(newContext("GET-9", "X"), () => log("other").error(() => "made", { error: "why" }));
  const never = (): string => {
    throw new Error("must not be made");
  };
  log("other").debug(never);
  expect([sql.isEnabled("debug"), log("synapse.x").isEnabled("info")]).toEqual([true, false]);
  await close();
  expect(read("all")).toEqual([
    "synapse.handlers WARNING  loud",
    "synapse.access.http.8008 INFO  request",
    "other ERROR GET-9 made",
    "why",
  ]);
  expect(read("sql")).toEqual(["synapse.storage.SQL DEBUG  select", "synapse.storage.SQL.x DEBUG  child"]);
  expect(read("errors")).toEqual(["other ERROR GET-9 made", "why"]);
});

test("buffers hold lines back until there are enough, or one matters, or the end", async () => {
  const buffer =
    "{class: synapse.logging.handlers.PeriodicallyFlushingMemoryHandler, target: file, capacity: 3, flushLevel: WARNING, period: 500}";
  const { log, close } = start(`handlers: {buffer: ${buffer}, file: ${fileHandler("buffered")}}\nroot: {level: INFO, handlers: [buffer]}`);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 60));
  log("a").info("1");
  log("a").info("2");
  await settled();
  expect(read("buffered")).toEqual([]);
  log("a").info("3");
  log("a").info("4");
  log("a").warn("5");
  log("a").info("6");
  await close();
  expect(read("buffered").map((line) => line.slice(-1))).toEqual(["1", "2", "3", "4", "5", "6"]);
});

test("the last lines are written even where nothing asynchronous happens any more", () => {
  const buffer = "{class: logging.handlers.MemoryHandler, target: file, capacity: 100}";
  const { log, closeSync } = start(`handlers: {buffer: ${buffer}, file: ${fileHandler("last")}}\nroot: {level: INFO, handlers: [buffer]}`);
  log("a").info("dying words");
  closeSync();
  expect(read("last")).toEqual(["a INFO  dying words"]);
});

test("files rotate at midnight, also over a restart, and old ones go", async () => {
  const file = `{class: logging.handlers.TimedRotatingFileHandler, formatter: f, filename: ${path("daily")}, when: midnight, backupCount: 2}`;
  const yaml = `handlers: {file: ${file}}\nroot: {level: INFO, handlers: [file]}`;
  for (const day of ["18", "19"]) writeFileSync(path(`daily.2026-11-${day}`), "");
  writeFileSync(path("daily"), "from yesterday\n");
  utimesSync(path("daily"), new Date(NOON - 86_400_000), new Date(NOON - 86_400_000));
  const time = { ms: NOON };
  let { log, close } = start(yaml, time);
  log("a").info("today");
  await close();
  expect(read("daily.2026-11-23")).toEqual(["from yesterday"]);
  expect(read("daily")).toEqual(["a INFO  today"]);
  utimesSync(path("daily"), new Date(NOON), new Date(NOON));
  ({ log, close } = start(yaml, time));
  log("a").info("still today");
  await new Promise((resolve) => setTimeout(resolve, 60));
  time.ms = new Date(2026, 10, 25, 0, 0, 1).getTime();
  log("a").info("tomorrow");
  await close();
  expect(read("daily.2026-11-24")).toEqual(["a INFO  today", "a INFO  still today"]);
  expect(read("daily")).toEqual(["a INFO  tomorrow"]);
  expect(
    readdirSync(directory)
      .filter((name) => name.startsWith("daily."))
      .sort(),
  ).toEqual(["daily.2026-11-23", "daily.2026-11-24"]);
});

test("files rotate by size", async () => {
  const file = `{class: logging.handlers.RotatingFileHandler, formatter: f, filename: ${path("sized")}, maxBytes: 20, backupCount: 2}`;
  const yaml = `handlers: {file: ${file}}\nroot: {level: INFO, handlers: [file]}`;
  for (const message of ["first line", "second line", "third line", "fourth line"]) {
    const { log, close } = start(yaml);
    log("a").info(message);
    await close();
  }
  expect([read("sized"), read("sized.1"), read("sized.2"), read("sized.3")]).toEqual([
    ["a INFO  fourth line"],
    ["a INFO  third line"],
    ["a INFO  second line"],
    [],
  ]);
});

test("watched files, and files after SIGHUP, are opened anew once they are moved away", async () => {
  const watched = `{class: logging.handlers.WatchedFileHandler, formatter: f, filename: ${path("watched")}}`;
  const { log, close, reload } = start(
    `handlers: {w: ${watched}, plain: ${fileHandler("plain", ", mode: w")}}\nroot: {level: INFO, handlers: [w, plain]}`,
  );
  const written = async (name: string, n: number) => {
    while (read(name).length < n) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  log("a").info("1");
  await written("watched", 1);
  await written("plain", 1);
  renameSync(path("watched"), path("watched.old"));
  renameSync(path("plain"), path("plain.old"));
  log("a").info("2");
  await written("watched", 1);
  await written("plain.old", 2);
  const { log: next } = parseLogConfig(
    `version: 1\nhandlers: {plain: {class: logging.FileHandler, filename: ${path("plain")}}}\nroot: {level: DEBUG, handlers: [plain]}`,
    "x",
  );
  await reload(next);
  log("a").debug("3");
  await close();
  expect([read("watched.old"), read("watched"), read("plain")]).toEqual([["a INFO  1"], ["a INFO  2"], ["3"]]);
});

test("a file that cannot be opened stops the start; one that breaks later does not stop the server", async () => {
  expect(() => start(`handlers: {file: ${fileHandler("none/such")}}\nroot: {level: INFO, handlers: [file]}`)).toThrow("ENOENT");
  const { log, close } = start(
    `handlers: {file: {class: logging.handlers.WatchedFileHandler, filename: /dev/full}}\nroot: {level: INFO, handlers: [file]}`,
  );
  log("a").info("lost");
  await close();
});

test("lines go to a collector over TCP as JSON", async () => {
  const received = new Promise<string>((resolve) => {
    const server = createServer((socket) => {
      socket.once("data", (chunk) => {
        resolve(chunk.toString());
        server.close();
      });
    }).listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      start(`handlers: {r: {class: synapse.logging.RemoteHandler, host: 127.0.0.1, port: ${port}}}\nroot: {level: INFO, handlers: [r]}`)
        .log("a")
        .info("far away");
    });
  });
  expect(JSON.parse(await received)).toMatchObject({ log: "far away", namespace: "a", level: "INFO", server_name: "example.org" });
});

test("the access log writes its facts as fields where the format is JSON", async () => {
  const { log, close } = start(
    `handlers: {file: {class: logging.FileHandler, formatter: j, filename: ${path("json")}}}\nroot: {level: INFO, handlers: [file]}`,
  );
  logRequest(log("synapse.access.http.8008"), {
    context: newContext("GET-1", "X"),
    ip: "::1",
    tag: "8008",
    method: "GET",
    url: "/sync",
    httpVersion: "1.1",
    userAgent: "ua",
    status: 200,
    clientLeft: false,
    bytes: 1,
    handleMs: 1,
    sendMs: 1,
    cpuMs: 1,
  });
  await close();
  expect(JSON.parse(read("json")[0] ?? "")).toMatchObject({
    ip_address: "::1",
    site_tag: "8008",
    requester: null,
    method: "GET",
    url: "/sync",
    protocol: "HTTP/1.1",
    user_agent: "ua",
  });
});
