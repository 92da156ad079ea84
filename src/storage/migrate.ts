import { DatabaseError } from "./databaseError";
import type { Db } from "./db";
import { codeVersion, isOlder, readMigrations, type Migration } from "./migrationFiles";
import type { Pool, Session } from "./pool";

/** The database cannot be used as it is. The message tells the operator why and what to do; nothing was changed. */
export class UnusableDatabaseError extends Error {
  override readonly name = "UnusableDatabaseError";
}

export interface MigrateOptions {
  /** Synapse's database.allow_unsafe_locale: go on although text sorts by a language's rules. Default false. */
  readonly allowUnsafeLocale?: boolean | undefined;
  readonly migrations?: readonly Migration[] | undefined;
  readonly codeVersion?: string | undefined;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly hash: string;
  readonly oldest_code_version: string;
}

/** An arbitrary constant: "synapse-ts migrations" to nobody but us. */
const MIGRATION_LOCK = 7_096_283_018_211;
const OLDEST_SERVER = 130_000;

/**
 * Brings the schema up to date and answers the names of the migrations that it applied. Several processes may call it at
 * once: each migration is one transaction under an advisory lock. Throws UnusableDatabaseError for a database that is not
 * ours, too old, newer than this program, or in a wrong encoding or collation.
 */
export async function migrate(db: Pool, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const migrations = options.migrations ?? readMigrations();
  await checkServer(db, options);
  if ((await pendingMigrations(db, options)).length === 0) return { applied: [] };
  return db.session(async (session) => {
    const applied: string[] = [];
    for (;;) {
      const name = await applyNext(session, migrations, options);
      if (name === undefined) return { applied };
      applied.push(name);
    }
  });
}

/** Names of the migrations still to be applied. Throws UnusableDatabaseError when the database holds others than we know. */
export async function pendingMigrations(db: Db, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = options.migrations ?? readMigrations();
  const known = await tablesAmong(db, ["schema_migrations"]);
  const applied = known.length > 0 ? await readApplied(db) : [];
  return pending(migrations, applied, options.codeVersion ?? codeVersion()).map(label);
}

async function applyNext(session: Session, migrations: readonly Migration[], options: MigrateOptions): Promise<string | undefined> {
  await session.script("begin");
  try {
    await session.db`select pg_advisory_xact_lock(${MIGRATION_LOCK})`;
    await session.script(`create table if not exists schema_migrations (
      number int primary key, name text not null, hash text not null, oldest_code_version text not null,
      applied_at timestamptz not null default now())`);
    const next = pending(migrations, await readApplied(session.db), options.codeVersion ?? codeVersion())[0];
    if (next) {
      await session.script(next.sql).catch((error: unknown) => {
        throw withPlace(next, error);
      });
      await session.db`insert into schema_migrations (number, name, hash, oldest_code_version)
        values (${next.number}, ${next.name}, ${next.hash}, ${next.oldestCodeVersion})`;
    }
    await session.script("commit");
    return next && label(next);
  } catch (error) {
    await session.script("rollback").catch(() => undefined);
    throw error;
  }
}

function withPlace(migration: Migration, error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const position = error.details.position;
  const line = position === undefined ? "" : `, line ${[...migration.sql].slice(0, position - 1).filter((c) => c === "\n").length + 1}`;
  return new Error(`migration ${label(migration)}${line}: ${error.message}`, { cause: error });
}

function readApplied(db: Db): Promise<Applied[]> {
  return db<Applied>`select number, name, hash, oldest_code_version from schema_migrations order by number`;
}

function pending(migrations: readonly Migration[], applied: readonly Applied[], version: string): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  const highest = migrations.at(-1)?.number ?? 0;
  for (const row of applied) {
    const migration = known.get(row.number);
    if (migration) {
      if (migration.hash === row.hash) continue;
      throw new UnusableDatabaseError(
        `migration ${label(migration)} has changed since it was applied to this database. ` +
          "A database made by a development version has to be made anew; otherwise the installation is damaged.",
      );
    }
    // A newer version of the program was here. It says itself how old a program may still use the result.
    if (row.number > highest && !isOlder(version, row.oldest_code_version)) continue;
    throw new UnusableDatabaseError(
      `this database was upgraded by a newer version (migration ${label(row)}); version ${row.oldest_code_version} or later is needed, this is ${version}.`,
    );
  }
  const done = new Set(applied.map((row) => row.number));
  return migrations.filter((migration) => !done.has(migration.number));
}

async function checkServer(db: Db, options: MigrateOptions): Promise<void> {
  const [server, synapse] = await Promise.all([
    db<{ version: number; encoding: string; collation: string; ctype: string; provider: string; database: string }>`
      select current_setting('server_version_num')::int as version, pg_encoding_to_char(encoding) as encoding,
             datcollate as collation, datctype as ctype, datname as database,
             coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as provider
      from pg_database d where datname = current_database()`,
    tablesAmong(db, ["schema_version", "applied_schema_deltas", "events", "schema_migrations"]),
  ]);
  if (synapse.includes("applied_schema_deltas") && synapse.includes("schema_version") && !synapse.includes("schema_migrations")) {
    throw new UnusableDatabaseError(
      "this database belongs to Synapse: it holds Synapse's tables, which synapse-ts cannot use. " +
        "Nothing was changed. Create an empty database and name it in the configuration.",
    );
  }
  const row = server[0];
  if (!row) throw new UnusableDatabaseError("the database does not describe itself in pg_database");
  if (row.version < OLDEST_SERVER) throw new UnusableDatabaseError(`PostgreSQL 13 or later is needed, this is ${versionText(row.version)}`);
  const create = `CREATE DATABASE "${row.database}" ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0`;
  if (row.encoding !== "UTF8") {
    throw new UnusableDatabaseError(`the database has the encoding ${row.encoding}, it must be UTF8. Make it with: ${create}`);
  }
  if (options.allowUnsafeLocale || (isBytewise(row.collation, row.provider) && isBytewise(row.ctype, row.provider))) return;
  throw new UnusableDatabaseError(
    `the database sorts text by ${row.provider === "i" ? "ICU rules" : `"${row.collation}"`} (character types "${row.ctype}"), it must be "C". ` +
      `Make it with: ${create}  (database.allow_unsafe_locale overrides this, at the risk of wrong results)`,
  );
}

/** C.UTF-8 sorts by code point, which for UTF-8 is the order of the bytes too. ICU ("i") has rules of its own. */
function isBytewise(locale: string, provider: string): boolean {
  return provider !== "i" && /^(C|POSIX|C\.UTF-?8)$/i.test(locale);
}

async function tablesAmong(db: Db, names: readonly string[]): Promise<string[]> {
  const rows = await db<{ name: string }>`
    select name from unnest(${names}::text[]) as name where to_regclass(quote_ident(name)) is not null`;
  return rows.map((row) => row.name);
}

const label = ({ number, name }: Pick<Migration, "number" | "name">): string => `${String(number).padStart(4, "0")}_${name}`;
const versionText = (number: number): string => `${Math.floor(number / 10_000)}.${number % 10_000}`;
