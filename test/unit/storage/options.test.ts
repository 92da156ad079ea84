import { describeDatabase, parseDatabaseUrl, withDefaults } from "../../../src/storage/databaseOptions";
import { isOlder } from "../../../src/storage/migrationFiles";

test("limits of the pool stay in order, and undefined means the default", () => {
  const options = { host: "h", port: 1, user: "u", database: "d" };
  expect(withDefaults(options)).toMatchObject({ min: 5, max: 10, statementTimeoutMs: 60_000, synchronousCommit: true });
  expect(withDefaults({ ...options, max: 2, statementTimeoutMs: undefined })).toMatchObject({ min: 2, max: 2, statementTimeoutMs: 60_000 });
  expect(withDefaults({ ...options, min: 0, max: 0, statementTimeoutMs: 0 })).toMatchObject({ min: 0, max: 1, statementTimeoutMs: 0 });
});

test.each([
  ["postgres://a:p%40ss@db.example:6000/main", { host: "db.example", port: 6000, user: "a", password: "p@ss", database: "main" }],
  [
    "postgres://a@/main?host=/run/pg&sslmode=disable",
    { host: "/run/pg", port: 5432, user: "a", database: "main", tls: { mode: "disable" } },
  ],
  ["postgres://%2Frun%2Fpg/main", { host: "/run/pg", user: "postgres", database: "main" }],
])("%s", (url, expected) => {
  expect(parseDatabaseUrl(url)).toMatchObject(expected);
});

test("a description never holds the password", () => {
  expect(describeDatabase(parseDatabaseUrl("postgres://a:secret@db.example:6000/main"))).toBe("main on db.example:6000");
});

test.each([
  ["1.2.3", "1.2.4", true],
  ["1.2.3", "1.2.3", false],
  ["1.10.0", "1.9.9", false],
  ["0.9.9", "1.0.0", true],
  ["1.0.0-rc1", "1.0.0", false],
])("%s is older than %s: %s", (version, than, expected) => {
  expect(isOlder(version, than)).toBe(expected);
});
