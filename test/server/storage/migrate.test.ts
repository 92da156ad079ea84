import { createHash } from "node:crypto";
import { migrate, pendingMigrations, UnusableDatabaseError } from "../../../src/storage/migrate";
import { readMigrations, type Migration } from "../../../src/storage/migrationFiles";
import { createDatabase } from "../../../src/storage/pool";
import { systemClock } from "../../../src/lib/clock";
import { createTestDatabase, type TestDatabase } from "../../builders/database";

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(() => database.drop());

function migration(number: number, sql: string, oldestCodeVersion = "0.1.0"): Migration {
  return { number, name: `step${number}`, sql, hash: createHash("sha256").update(sql).digest("hex"), oldestCodeVersion };
}

const one = migration(1, "create table one (a int); insert into one values (1);");
const two = migration(2, "create function f() returns int language sql as $$ select 1; $$;");

test("applies what is missing, in order, once", async () => {
  const { db } = database;
  expect(await pendingMigrations(db, { migrations: [one, two] })).toEqual(["0001_step1", "0002_step2"]);
  expect(await migrate(db, { migrations: [one] })).toEqual({ applied: ["0001_step1"] });
  expect(await migrate(db, { migrations: [one, two] })).toEqual({ applied: ["0002_step2"] });
  expect(await migrate(db, { migrations: [one, two] })).toEqual({ applied: [] });
  expect(await pendingMigrations(db, { migrations: [one, two] })).toEqual([]);
  expect(await db`select number, name, oldest_code_version from schema_migrations order by number`).toEqual([
    { number: 1, name: "step1", oldest_code_version: "0.1.0" },
    { number: 2, name: "step2", oldest_code_version: "0.1.0" },
  ]);
});

test("several processes at once", async () => {
  const answers = await Promise.all(Array.from({ length: 4 }, () => migrate(database.db, { migrations: [one, two] })));
  expect(answers.flatMap((answer) => answer.applied).sort()).toEqual(["0001_step1", "0002_step2"]);
  expect(await database.db`select a from one`).toEqual([{ a: 1 }]);
});

test("the migrations of the program apply to an empty database, and tell the same afterwards", async () => {
  const all = readMigrations();
  expect((await migrate(database.db)).applied.length).toBe(all.length);
  expect(await migrate(database.db)).toEqual({ applied: [] });
});

test("a failure leaves nothing of its migration and tells the line", async () => {
  const broken = migration(2, "create table half (a int);\n\ninsert into nowhere values (1);");
  await expect(migrate(database.db, { migrations: [one, broken] })).rejects.toThrow(
    'migration 0002_step2, line 3: relation "nowhere" does not exist',
  );
  expect(await database.db`select to_regclass('half') as half, to_regclass('one') as one`).toEqual([{ half: null, one: "one" }]);
  expect((await migrate(database.db, { migrations: [one, two] })).applied).toEqual(["0002_step2"]);
});

test("a database of Synapse is refused and left alone", async () => {
  const { db } = database;
  await db.session((session) =>
    session.script("create table schema_version (v int); create table applied_schema_deltas (v int); create table events (id int)"),
  );
  await expect(migrate(db, { migrations: [one] })).rejects.toThrow("belongs to Synapse");
  expect(await db`select tablename from pg_tables where schemaname = 'public' order by 1`).toEqual([
    { tablename: "applied_schema_deltas" },
    { tablename: "events" },
    { tablename: "schema_version" },
  ]);
});

test("a migration that has changed is refused", async () => {
  await migrate(database.db, { migrations: [one] });
  await expect(migrate(database.db, { migrations: [migration(1, "create table other ()"), two] })).rejects.toThrow(
    "migration 0001_step1 has changed",
  );
});

test("a newer schema is refused unless it says that this version may use it", async () => {
  const { db } = database;
  await migrate(db, { migrations: [one, migration(2, "create table two ()", "1.2.0")], codeVersion: "1.3.0" });
  const refusal = migrate(db, { migrations: [one], codeVersion: "1.1.9" });
  await expect(refusal).rejects.toThrow(
    "upgraded by a newer version (migration 0002_step2); version 1.2.0 or later is needed, this is 1.1.9",
  );
  await expect(refusal).rejects.toBeInstanceOf(UnusableDatabaseError);
  expect(await migrate(db, { migrations: [one], codeVersion: "1.2.0" })).toEqual({ applied: [] });
});

test.each([
  ["SQL_ASCII", "C", "the encoding SQL_ASCII"],
  ["UTF8", "en_US.utf8", 'sorts text by "en_US.utf8"'],
])("encoding %s with locale %s", async (encoding, locale, message) => {
  const name = `${database.name}_other`;
  const made = await database.db.session((session) =>
    session.script(`create database ${name} template template0 encoding '${encoding}' locale '${locale}'`).then(
      () => true,
      () => false,
    ),
  );
  // The system has no such locale: nothing to refuse.
  if (!made) return;
  const other = await createDatabase({ ...database.options, database: name }, { clock: systemClock });
  try {
    await expect(migrate(other, { migrations: [one] })).rejects.toThrow(message);
    const override = migrate(other, { migrations: [one], allowUnsafeLocale: true });
    await (encoding === "UTF8" ? expect(override).resolves.toBeDefined() : expect(override).rejects.toThrow(message));
  } finally {
    await other.close();
    await database.db.session((session) => session.script(`drop database ${name} with (force)`));
  }
});
