import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, parse, resolve } from "node:path";
import type { DatabaseTarget, DatabaseTls, EmbeddedDatabase, ServerDatabase } from "./config";
import type { LoadContext } from "./context";
import { reason } from "./sources";
import type { ConfigValues, DatabaseArgsConfig } from "./types.generated";

/** Where rooms and accounts are kept: sqlite3 means the embedded PostgreSQL, any other name a server. */
export function resolveDatabase(config: ConfigValues, applicationName: string, context: LoadContext): DatabaseTarget {
  const { args } = config.database;
  if (args.cp_min > args.cp_max) context.problem({ key: "database.args.cp_min", found: String(args.cp_min), wanted: `at most cp_max, which is ${args.cp_max}` });
  return config.database.name === "sqlite3" ? embedded(config, context) : server(config, applicationName, context);
}

function embedded(config: ConfigValues, context: LoadContext): EmbeddedDatabase {
  const file = config.database.args.database ?? "homeserver.db";
  if (file === ":memory:") context.problem({ key: "database.args.database", found: '":memory:"', wanted: "the name of a file, beside which the database is kept" });
  else refuseOldDatabase(file, context);
  const { directory, synchronous_commit: synchronousCommit } = config.synapse_ts.embedded_database;
  return {
    kind: "embedded",
    dataDirectory: resolve(directory ?? join(dirname(file), `${parse(file).name}.pgdata`)),
    synchronousCommit,
    minConnections: config.database.args.cp_min,
    maxConnections: config.database.args.cp_max,
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
  const user = args.user ?? env["PGUSER"];
  const database = args.dbname ?? args.database ?? env["PGDATABASE"] ?? user;
  const isSocketDirectory = host.startsWith("/");
  const password = args.password ?? env["PGPASSWORD"] ?? passwordFromFile(args, { host, port, user, database }, context);
  return {
    kind: "server",
    host,
    isSocketDirectory,
    port,
    user,
    password: password === "" ? undefined : password,
    database,
    tls: isSocketDirectory ? undefined : tlsOf(args, context),
    minConnections: args.cp_min,
    maxConnections: args.cp_max,
    transactionLimit: config.database.txn_limit,
    connectTimeout: args.connect_timeout === undefined || args.connect_timeout === 0 ? undefined : args.connect_timeout * 1000,
    keepaliveIdle: args.keepalives === 0 ? 0 : args.keepalives_idle === undefined ? undefined : args.keepalives_idle * 1000,
    options: args.options,
    applicationName: args.application_name ?? applicationName,
    allowUnsafeLocale: config.database.allow_unsafe_locale,
  };
}

/** libpq's modes. `require` with a root certificate checks it, as in libpq. */
function tlsOf(args: DatabaseArgsConfig, context: LoadContext): DatabaseTls | undefined {
  const mode = args.sslmode ?? "prefer";
  if (mode === "disable") return undefined;
  const ca = args.sslrootcert === "system" ? undefined : pem("sslrootcert", args.sslrootcert, context);
  const cert = pem("sslcert", args.sslcert, context);
  const key = pem("sslkey", args.sslkey, context);
  const checked = mode === "require" && ca !== undefined ? "verify-ca" : mode;
  return {
    mode: checked === "allow" ? "prefer" : checked,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
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
  readonly user: string | undefined;
  readonly database: string | undefined;
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
