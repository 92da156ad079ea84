import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildConfig } from "../../../src/config/load";
import { formatProblem } from "../../../src/config/problems";
import { systemRandom } from "../../../src/lib/random";

const base = { server_name: "a.example", signing_key: `ed25519 1 ${Buffer.alloc(32).toString("base64")}` };
const folder = mkdtempSync(join(tmpdir(), "synapse-ts-config-"));

function load(values: Record<string, unknown>, environment: Record<string, string> = {}): ReturnType<typeof buildConfig> {
  return buildConfig([{ file: "", values: { ...base, ...values } }], { environment: { PGHOST: "/run/pg", ...environment } });
}

const database = (settings: unknown, environment?: Record<string, string>) =>
  load({ database: settings }, environment).config.derived.database;

test("without a database the embedded one is used", () => {
  expect(load({}).config.derived.database).toEqual({
    kind: "embedded",
    dataDirectory: join(process.cwd(), "homeserver.pgdata"),
    synchronousCommit: true,
    min: 5,
    max: 10,
  });
});

test("the embedded database is kept beside the file that is named", () => {
  expect(database({ name: "sqlite3", args: { database: "/data/homeserver.db" } })).toMatchObject({
    kind: "embedded",
    dataDirectory: "/data/homeserver.pgdata",
  });
});

test("its directory and its care for power cuts can be chosen", () => {
  const own = { embedded_database: { directory: "/fast/pg", synchronous_commit: false } };
  expect(load({ synapse_ts: own }).config.derived.database).toMatchObject({ dataDirectory: "/fast/pg", synchronousCommit: false });
});

test("a database of Synapse is refused and left alone", () => {
  const file = join(folder, "homeserver.db");
  writeFileSync(file, "SQLite format 3\0");
  const settings = {
    database: { name: "sqlite3", args: { database: file } },
    signing_key: undefined,
    signing_key_path: join(folder, "unwritten.key"),
  };
  expect(() => buildConfig([{ file: "h.yaml", values: { ...base, ...settings } }], { createMissing: systemRandom })).toThrow(
    `Error in configuration:
  h.yaml: database.args.database: ${file} is a SQLite database of another server. It cannot be used here, and nothing in it was changed. ` +
      "To begin with an empty server, name a file that does not exist (the embedded PostgreSQL keeps its data beside it), " +
      "or set database.name to psycopg2 and name a PostgreSQL database in database.args",
  );
  expect(readFileSync(file, "utf8")).toBe("SQLite format 3\0");
  expect(() => readFileSync(join(folder, "unwritten.key"))).toThrow("ENOENT");
});

test("an empty file is no database", () => {
  const file = join(folder, "empty.db");
  writeFileSync(file, "");
  expect(database({ name: "sqlite3", args: { database: file } })).toMatchObject({
    kind: "embedded",
    dataDirectory: join(folder, "empty.pgdata"),
  });
});

test("a database in memory is not to be had", () => {
  expect(() => database({ args: { database: ":memory:" } })).toThrow(
    'database.args.database: found ":memory:", wanted the name of a file, beside which the database is kept',
  );
});

test.each(["psycopg2", "psycopg", "postgres", "postgresql"])("%s is a server", (name) => {
  const args = {
    user: "u",
    password: "p",
    dbname: "d",
    host: "db.example",
    port: 5433,
    cp_min: 2,
    cp_max: 3,
    keepalives_idle: 30,
    connect_timeout: 5,
    sslmode: "disable",
  };
  expect(database({ name, args, allow_unsafe_locale: true })).toEqual({
    kind: "server",
    allowUnsafeLocale: true,
    options: {
      host: "db.example",
      port: 5433,
      user: "u",
      password: "p",
      database: "d",
      tls: { mode: "disable" },
      min: 2,
      max: 3,
      applicationName: "synapse-ts main",
      keepAliveMs: 30_000,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: undefined,
      synchronousCommit: undefined,
    },
  });
});

test.each([
  ["database is another spelling of dbname", { user: "u", database: "x" }, {}, { database: "x" }],
  ["dbname goes first", { user: "u", database: "x", dbname: "y" }, {}, { database: "y" }],
  ["the user's own database", { user: "u" }, {}, { database: "u" }],
  ["the port may be a text", { user: "u", port: "5434" }, {}, { port: 5434 }],
  ["an empty password is none", { user: "u", password: "" }, {}, { password: undefined }],
  ["socket directories", { user: "u", host: "/run/postgresql" }, {}, { host: "/run/postgresql" }],
  [
    "libpq's environment",
    {},
    { PGHOST: "h", PGPORT: "1", PGUSER: "eve", PGPASSWORD: "s", PGDATABASE: "db" },
    { host: "h", port: 1, user: "eve", password: "s", database: "db" },
  ],
  ["keepalives off", { user: "u", keepalives: 0 }, {}, { keepAliveMs: 0 }],
  [
    "session options",
    { user: "u", options: "-c statement_timeout=30s -c synchronous_commit=off" },
    {},
    { statementTimeoutMs: 30_000, synchronousCommit: false },
  ],
])("%s", (_name, args, environment, expected) => {
  expect(database({ name: "psycopg2", args }, environment)).toMatchObject({ options: expected });
});

test("other session options are warned about", () => {
  const { warnings } = load({ database: { name: "psycopg2", args: { user: "u", options: "-c work_mem=1GB" } } });
  expect(warnings.map(formatProblem)).toEqual([
    'database.args.options: "-c work_mem=1GB" has no effect: set it with ALTER ROLE or ALTER DATABASE',
  ]);
});

test("certificates are read", () => {
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, "PEM");
  const args = { user: "u", host: "h", sslmode: "verify-full", sslrootcert: ca };
  expect(database({ name: "psycopg2", args })).toMatchObject({ options: { tls: { mode: "verify-full", rootCert: "PEM" } } });
  expect(() => database({ name: "psycopg2", args: { ...args, sslrootcert: "/nowhere" } })).toThrow(
    "database.args.sslrootcert: /nowhere cannot be read: no such file or directory",
  );
});

test("a password from a .pgpass file", () => {
  const passfile = join(folder, "pgpass");
  writeFileSync(passfile, "# comment\nother:5432:d:u:wrong\n*:5432:d:u:a\\:b\n");
  expect(database({ name: "psycopg2", args: { user: "u", dbname: "d", host: "h", passfile } })).toMatchObject({
    options: { password: "a:b" },
  });
  expect(database({ name: "psycopg2", args: { user: "v", dbname: "d", host: "h", passfile } })).toMatchObject({
    options: { password: undefined },
  });
});

test.each([
  [{ name: "mysql" }, 'database.name: found "mysql", wanted one of sqlite3, psycopg2, psycopg, postgres, postgresql'],
  [{ name: "psycopg2", args: { user: "u", host: "a,b" } }, 'database.args.host: found "a,b", wanted one host'],
  [
    { name: "psycopg2", args: { sslmode: "maybe" } },
    'database.args.sslmode: found "maybe", wanted one of disable, allow, prefer, require, verify-ca, verify-full',
  ],
])("%j is refused", (settings, message) => {
  expect(() => database(settings)).toThrow(message);
});
