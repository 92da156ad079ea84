import { createHash, randomBytes } from "node:crypto";
import { systemClock } from "../../src/lib/clock";
import { parseDatabaseUrl, type DatabaseOptions } from "../../src/storage/databaseOptions";
import type { Db } from "../../src/storage/db";
import { migrate } from "../../src/storage/migrate";
import { readMigrations } from "../../src/storage/migrationFiles";
import { createDatabase, type DatabaseHooks, type Pool, type Session } from "../../src/storage/pool";
import { testServer } from "./testServer";

export interface TestDatabase {
  readonly db: Pool;
  readonly options: DatabaseOptions;
  readonly name: string;
  /** Closes db and removes the database. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions extends Partial<DatabaseOptions> {
  /** A database without tables instead of a migrated one. */
  readonly empty?: boolean;
  readonly hooks?: Omit<DatabaseHooks, "clock">;
}

const hooks: DatabaseHooks = { clock: systemClock };
const TEMPLATE_LOCK = 7_096_283_018_212;

/**
 * A database of its own for a test file: `beforeAll(async () => (test = await createTestDatabase()))` and
 * `afterAll(() => test.drop())`. A copy of a migrated template, on the server named by SYNAPSE_TS_TEST_DATABASE (a URL of a
 * user who may create databases), or else on a temporary one.
 */
export async function createTestDatabase({ empty, hooks: given, ...changes }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await serverOptions();
  const name = `synapse_ts_test_${randomBytes(6).toString("hex")}`;
  await asAdmin(server, async (admin) => {
    const template = empty ? "template0" : await ensureTemplate(admin, server);
    const locale = empty ? "encoding 'UTF8' locale 'C'" : "";
    await admin.script(`create database ${name} template ${template} ${locale}`);
  });
  const options: DatabaseOptions = { min: 1, max: 5, checkoutTimeoutMs: 10_000, ...server, ...changes, database: name };
  const db = await createDatabase(options, { ...hooks, ...given });
  return {
    db,
    options,
    name,
    drop: async () => {
      await db.close();
      await asAdmin(server, (admin) => admin.script(`drop database if exists ${name} with (force)`));
    },
  };
}

async function serverOptions(): Promise<DatabaseOptions> {
  const url = process.env["SYNAPSE_TS_TEST_DATABASE"];
  if (url) return parseDatabaseUrl(url);
  const directory = process.env["SYNAPSE_TS_TEST_DIRECTORY"];
  if (!directory) throw new Error("run this with jest: its global setup says where the test database is");
  return testServer(directory);
}

async function asAdmin<T>(server: DatabaseOptions, work: (admin: Session) => Promise<T>): Promise<T> {
  const pool = await createDatabase({ ...server, min: 0, max: 1 }, hooks);
  try {
    return await pool.session(work);
  } finally {
    await pool.close();
  }
}

/** The template carries a hash of the migrations in its name, so one that is out of date is never found. */
async function ensureTemplate(admin: Session, server: DatabaseOptions): Promise<string> {
  const migrations = readMigrations();
  const hash = createHash("sha256");
  for (const migration of migrations) hash.update(migration.hash);
  const template = `synapse_ts_template_${hash.digest("hex").slice(0, 12)}`;
  const exists = () => admin.db`select 1 from pg_database where datname = ${template}`;
  if ((await exists()).length > 0) return template;
  await admin.db`select pg_advisory_lock(${TEMPLATE_LOCK})`;
  if ((await exists()).length === 0) await makeTemplate(admin, server, template, `${template}_new`);
  await admin.db`select pg_advisory_unlock(${TEMPLATE_LOCK})`;
  return template;
}

async function makeTemplate(admin: Session, server: DatabaseOptions, template: string, draft: string): Promise<void> {
  await admin.script(`drop database if exists ${draft} with (force)`);
  await admin.script(`create database ${draft} template template0 encoding 'UTF8' locale 'C'`);
  const db = await createDatabase({ ...server, database: draft, min: 0, max: 1 }, hooks);
  try {
    await migrate(db);
  } finally {
    await db.close();
  }
  await admin.script(`alter database ${draft} rename to ${template}`);
}

/** Whether somebody waits for an advisory lock of this database; the server has those of other tests, too. */
export async function waitsForLock(db: Db): Promise<boolean> {
  const rows = await db`
    select 1 from pg_locks join pg_database d on d.oid = database
    where locktype = 'advisory' and not granted and datname = current_database()`;
  return rows.length > 0;
}
