import { existsSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, parse, resolve } from "node:path";
import type { ConnectionOptions, DatabaseTarget, DatabaseTls, EmbeddedDatabase, ServerDatabase } from "./config";
import type { LoadContext } from "./context";
import { reason } from "./sources";
import { parseDuration } from "./units";
import type { ConfigValues, DatabaseArgsConfig } from "./types.generated";

/** Where rooms and accounts are kept: sqlite3 means the embedded PostgreSQL, any other name a server. */
export function resolveDatabase(config: ConfigValues, applicationName: string, context: LoadContext): DatabaseTarget {
  const { args } = config.database;
  if (args.cp_min > args.cp_max)
    context.problem({ key: "database.args.cp_min", found: String(args.cp_min), wanted: `at most cp_max, which is ${args.cp_max}` });
  return config.database.name === "sqlite3" ? embedded(config, context) : server(config, applicationName, context);
}

function embedded(config: ConfigValues, context: LoadContext): EmbeddedDatabase {
  const file = config.database.args.database ?? "homeserver.db";
  if (file === ":memory:")
    context.problem({
      key: "database.args.database",
      found: '":memory:"',
      wanted: "the name of a file, beside which the database is kept",
    });
  else refuseOldDatabase(file, context);
  const { directory, synchronous_commit: synchronousCommit } = config.synapse_ts.embedded_database;
  return {
    kind: "embedded",
    dataDirectory: resolve(directory ?? join(dirname(file), `${parse(file).name}.pgdata`)),
    synchronousCommit,
    min: config.database.args.cp_min,
    max: config.database.args.cp_max,
  };
}

/** Synapse's own database may not be passed over in silence: the server would seem to have forgotten everything. */
function refuseOldDatabase(file: string, context: LoadContext): void {
  let size = 0;
  try {
    size = statSync(file).size;
  } catch {
    return;
  }
  if (size === 0) return;
  context.problem({
    key: "database.args.database",
    wanted:
      `${file} is a SQLite database of another server. It cannot be used here, and nothing in it was changed. ` +
      "To begin with an empty server, name a file that does not exist (the embedded PostgreSQL keeps its data beside it), " +
      "or set database.name to psycopg2 and name a PostgreSQL database in database.args",
  });
}

function server(config: ConfigValues, applicationName: string, context: LoadContext): ServerDatabase {
  const { args } = config.database;
  const env = context.environment;
  const host = args.host ?? env["PGHOST"] ?? (existsSync("/var/run/postgresql") ? "/var/run/postgresql" : "localhost");
  if (host.includes(",")) context.problem({ key: "database.args.host", found: JSON.stringify(host), wanted: "one host" });
  const port = args.port ?? Number(env["PGPORT"] ?? 5432);
  const user = args.user ?? env["PGUSER"] ?? userInfo().username;
  const database = args.dbname ?? args.database ?? env["PGDATABASE"] ?? user;
  const password = args.password ?? env["PGPASSWORD"] ?? passwordFromFile(args, { host, port, user, database }, context);
  return {
    kind: "server",
    allowUnsafeLocale: config.database.allow_unsafe_locale,
    options: {
      host,
      port,
      user,
      password: password === "" ? undefined : password,
      database,
      tls: tlsOf(args, context),
      min: args.cp_min,
      max: args.cp_max,
      applicationName: args.application_name ?? applicationName,
      keepAliveMs: args.keepalives === 0 ? 0 : args.keepalives_idle === undefined ? undefined : args.keepalives_idle * 1000,
      connectTimeoutMs: args.connect_timeout === undefined || args.connect_timeout === 0 ? undefined : args.connect_timeout * 1000,
      ...sessionOptions(args.options ?? "", context),
    },
  };
}

/** libpq's `options`, of which two settings are understood: `-c statement_timeout=30s -c synchronous_commit=off`. */
function sessionOptions(text: string, context: LoadContext): Pick<ConnectionOptions, "statementTimeoutMs" | "synchronousCommit"> {
  let statementTimeoutMs: number | undefined;
  let synchronousCommit: boolean | undefined;
  const rest = text.replace(/(?:-c\s*|--)(\w+)=(\S+)/g, (whole, name: string, value: string) => {
    if (name === "statement_timeout") statementTimeoutMs = parseDuration(value.replace("min", "m"));
    else if (name === "synchronous_commit") synchronousCommit = !/^(off|false|no|0)$/i.test(value);
    else return whole;
    return "";
  });
  if (rest.trim() !== "")
    context.warn({
      key: "database.args.options",
      wanted: `${JSON.stringify(rest.trim())} has no effect: set it with ALTER ROLE or ALTER DATABASE`,
    });
  return { statementTimeoutMs, synchronousCommit };
}

function tlsOf(args: DatabaseArgsConfig, context: LoadContext): DatabaseTls {
  return {
    mode: args.sslmode ?? "prefer",
    rootCert: args.sslrootcert === "system" ? "system" : pem("sslrootcert", args.sslrootcert, context),
    cert: pem("sslcert", args.sslcert, context),
    key: pem("sslkey", args.sslkey, context),
  };
}

function pem(name: string, file: string | undefined, context: LoadContext): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    context.problem({ key: `database.args.${name}`, wanted: `${file} cannot be read: ${reason(error)}` });
    return undefined;
  }
}

interface Account {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** The first line of a .pgpass file that fits: `host:port:database:user:password`, where `*` fits anything. */
function passwordFromFile(args: DatabaseArgsConfig, account: Account, context: LoadContext): string | undefined {
  if (args.passfile === undefined) return undefined;
  const text = pem("passfile", args.passfile, context) ?? "";
  const wanted = [account.host.startsWith("/") ? "localhost" : account.host, String(account.port), account.database, account.user];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const fields = [...line.trim().matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"));
    if (fields.length >= 5 && wanted.every((value, index) => fields[index] === "*" || fields[index] === value)) return fields[4];
  }
  return undefined;
}
