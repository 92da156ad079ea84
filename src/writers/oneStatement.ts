import type { Database } from "../storage/db";

/**
 * For stream writers whose insert is a single statement that takes its ids itself: it is a transaction of its own, so the round
 * trips of begin and commit are spared. What such a writer stores must be harmless to store twice.
 */
export function oneStatement(db: Database): Database {
  const run: Database = Object.assign(((strings, ...params) => db(strings, ...params)) as Database, {
    tx: <T>(fn: (tx: Database) => Promise<T>) => fn(run),
    close: () => db.close(),
  });
  return run;
}
