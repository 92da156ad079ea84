import type { Clock } from "../lib/clock";
import type { StorageMetrics } from "../observe/storageMetrics";
import type { Connection } from "./connection";
import { DatabaseError, DatabaseUnavailableError, toDatabaseError } from "./databaseError";
import type { Db, Param } from "./db";
import type { Statements } from "./statements";
import { encodeParam } from "./values";

interface Host {
  readonly statements: Statements;
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: StorageMetrics | undefined;
  /** How long the transaction waited for its connection: counted with the first statement. */
  readonly waitedMs: number;
}

/**
 * Runs fn between begin and commit on a connection that nobody else uses. Statements are sent as they are started, so those
 * that fn starts together pipeline, and `begin` travels with the first of them.
 *
 * A failed statement dooms the transaction even if fn goes on: then the commit is refused and that failure is thrown.
 */
export async function runTransaction<T>(connection: Connection, host: Host, fn: (tx: Db) => Promise<T>): Promise<T> {
  let finished = false;
  let failure: Error | undefined;
  let waitedMs = host.waitedMs;

  const fail = (error: unknown, text?: string): Error => {
    const converted = beforeCommit(toDatabaseError(error, text));
    failure ??= converted;
    // 25P02, "current transaction is aborted", only repeats that another statement failed.
    return converted instanceof DatabaseError && converted.code === "25P02" ? failure : converted;
  };

  const query = async (strings: TemplateStringsArray, params: readonly Param[]): Promise<object[]> => {
    if (finished) throw new Error("the transaction is over: a statement was started that it does not wait for");
    const { text, verb } = host.statements.of(strings);
    const values = params.map(encodeParam);
    const started = host.clock.monotonic();
    try {
      return await connection.run(text, values);
    } catch (error) {
      throw fail(error, text);
    } finally {
      host.metrics?.query(verb, host.clock.monotonic() - started, waitedMs);
      waitedMs = 0;
    }
  };
  const tx = ((strings, ...params) => {
    const result = query(strings, params);
    // Whoever waits for several statements hears of the first failure only; the others were heard by `fail`.
    result.catch(() => undefined);
    return result;
  }) as Db;

  const begun = connection.script("begin").catch((error: unknown) => {
    throw fail(error);
  });
  begun.catch(() => undefined);
  try {
    const result = await fn(tx);
    await begun;
    finished = true;
    await commit(connection, () => failure);
    return result;
  } catch (error) {
    if (!finished) {
      finished = true;
      await connection.script("rollback").catch(() => undefined);
    }
    throw error;
  }
}

async function commit(connection: Connection, failure: () => Error | undefined): Promise<void> {
  let tag: string;
  try {
    tag = await connection.script("commit");
  } catch (error) {
    // From here on a lost connection leaves open whether the commit took place.
    throw toDatabaseError(error, "commit");
  }
  if (tag !== "COMMIT") throw failure() ?? new DatabaseError("the transaction was rolled back", "25000");
}

/** A connection lost before the commit was sent takes the transaction with it, so nothing of it happened. */
function beforeCommit(error: Error): Error {
  if (!(error instanceof DatabaseUnavailableError)) return error;
  return new DatabaseUnavailableError(error.message, "rolled back", false, error.cause);
}
