/** What may stand in a `${}` of a query. Arrays become PostgreSQL arrays; cast them in the SQL: `${ids}::text[]`. */
export type Param =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Uint8Array
  | Uint32Array
  | Int32Array
  | Float64Array
  | readonly (string | number | boolean | null | undefined | Uint8Array)[];

/**
 * Runs one statement, as a tagged template: db<{ n: number }>`select 1 as n`. The pool or a transaction; every storage
 * function takes it first. It starts at once, so statements that do not depend on each other are started together and
 * awaited with Promise.all: they pipeline. int8 arrives as number (an error past 2^53), json and jsonb as parsed values.
 */
export interface Db {
  <T extends object = Record<string, unknown>>(strings: TemplateStringsArray, ...params: readonly Param[]): Promise<T[]>;
}

/** The pool. What begins with `select` is asked again where its connection is lost. Inside a transaction use only `tx`: touching the pool there deadlocks a pool of one connection. */
export interface Database extends Db {
  /**
   * Runs fn in one transaction (read committed); rolls back when it throws. After a deadlock, a serialization failure or a
   * connection lost before the commit was sent, which all leave nothing behind, fn is run again, up to five times in all: so it
   * changes nothing but the database, or sets everything anew each time.
   */
  tx<T>(fn: (tx: Db) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Turns rows into one array per field, for `insert ... select * from unnest(...)`. */
export function columns<R extends object>(rows: readonly R[]): { [K in keyof R]: R[K][] } {
  const out = {} as { [K in keyof R]: R[K][] };
  const first = rows[0];
  if (!first) return new Proxy(out, { get: () => [] });
  for (const key of Object.keys(first) as (keyof R)[]) out[key] = rows.map((row) => row[key]);
  return out;
}
