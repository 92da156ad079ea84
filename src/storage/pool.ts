import type { Clock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import type { StorageMetrics } from "../observe/storageMetrics";
import { Checkout } from "./checkout";
import { openConnection } from "./connection";
import { DatabaseUnavailableError, isConflict, toDatabaseError } from "./databaseError";
import { withDefaults, type DatabaseOptions, type FullOptions } from "./databaseOptions";
import type { Database, Db, Param } from "./db";
import { Statements, type Statement } from "./statements";
import { Supply, type SupplyHooks } from "./supply";
import { runTransaction } from "./transaction";
import { encodeParam } from "./values";

export interface DatabaseHooks {
  readonly clock: Pick<Clock, "monotonic">;
  readonly log?: Pick<Logger, "debug" | "info" | "warn"> | undefined;
  /** Called in the async context of whoever started the statement. */
  readonly metrics?: StorageMetrics | undefined;
}

export interface PoolStats {
  readonly open: number;
  readonly busy: number;
  readonly waiting: number;
}

/** A session of its own beside the pool, without time limits: for migrations, long maintenance, session-level locks. */
export interface Session {
  readonly db: Db;
  /** Several statements without parameters. Answers the command tag of the last. */
  script(text: string): Promise<string>;
  /** Settles when the session has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

export interface Pool extends Database {
  /** Runs fn with a new session, which ends with it: what it set or locked is gone then. */
  session<T>(fn: (session: Session) => Promise<T>): Promise<T>;
  stats(): PoolStats;
}

const TX_ATTEMPTS = 5;
const TX_PAUSE_MS = 20;
/** Of a statement that only reads, where its connection is lost: what restarts the server cuts all of them, so the second may be, too. */
const READ_ATTEMPTS = 3;
const CLOSE_PATIENCE_MS = 5_000;
/** Templates that take longer than this on average, or were never run, get a connection alone so that nobody waits behind them. */
const SLOW_MS = 50;

/** What queries and transactions share. */
interface Core {
  readonly options: FullOptions;
  readonly clock: Pick<Clock, "monotonic">;
  readonly metrics: StorageMetrics | undefined;
  readonly checkout: Checkout;
  readonly statements: Statements;
}

/**
 * Connects and answers a pool. Fails with DatabaseUnavailableError when there is no connection within checkoutTimeoutMs, at
 * once where waiting cannot help (wrong password, no such database).
 */
export async function createDatabase(given: DatabaseOptions, { clock, metrics, log = silent }: DatabaseHooks): Promise<Pool> {
  const options = withDefaults(given);
  const checkout: Checkout = new Checkout({
    clock,
    timeoutMs: options.checkoutTimeoutMs,
    grow: () => supply.grow(),
    lastFailure: () => supply.lastFailure,
  });
  const supply = new Supply(options, { clock, log }, checkout);
  const statements = new Statements();
  const core: Core = { options, clock, metrics, checkout, statements };
  const pool: Pool = Object.assign(poolQuery(core), {
    tx: poolTransaction(core),
    session: <T>(fn: (session: Session) => Promise<T>) => runSession(options, { clock, log }, statements, fn),
    close: () => supply.close(CLOSE_PATIENCE_MS),
    stats: () => checkout.stats(),
  });
  try {
    await pool`select 1`;
  } catch (error) {
    await supply.close(0);
    throw error;
  }
  supply.fill();
  return pool;
}

function poolQuery({ clock, metrics, checkout, statements }: Core): Db {
  const averages = new WeakMap<Statement, number>();

  async function once(statement: Statement, values: (string | null)[]): Promise<object[]> {
    const average = averages.get(statement);
    const started = clock.monotonic();
    let sent = started;
    try {
      const rows = await checkout.use(average === undefined || average > SLOW_MS, ({ connection }) => {
        sent = clock.monotonic();
        return connection.run(statement.text, values);
      });
      const ms = clock.monotonic() - sent;
      averages.set(statement, average === undefined ? ms : average * 0.8 + ms * 0.2);
      return rows;
    } catch (error) {
      throw toDatabaseError(error, statement.text);
    } finally {
      metrics?.query(statement.verb, clock.monotonic() - sent, sent - started);
    }
  }

  return (async (strings, ...params) => {
    const statement = statements.of(strings);
    const values = params.map(encodeParam);
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(statement, values);
      } catch (error) {
        if (attempt === READ_ATTEMPTS || statement.verb !== "SELECT" || !isLost(error)) throw error;
      }
    }
  }) as Db;
}

function poolTransaction({ options, clock, metrics, checkout, statements }: Core): Database["tx"] {
  return async (fn) => {
    const deadline = clock.monotonic() + options.checkoutTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      const started = clock.monotonic();
      let sent = started;
      try {
        return await checkout.use(true, ({ connection }) => {
          sent = clock.monotonic();
          return runTransaction(connection, { statements, clock, metrics, waitedMs: sent - started }, fn);
        });
      } catch (error) {
        if (attempt === TX_ATTEMPTS || clock.monotonic() > deadline || !mayRunAgain(error)) throw error;
      } finally {
        metrics?.transaction(fn.name || "transaction", clock.monotonic() - sent);
      }
      await new Promise((resolve) => setTimeout(resolve, attempt * TX_PAUSE_MS));
    }
  };
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** The connection was lost with the statement under way. */
const isLost = (error: unknown): boolean => error instanceof DatabaseUnavailableError && error.executed === "unknown";

/** Both leave nothing of the transaction behind. A connection lost while committing is neither: the commit may have happened. */
function mayRunAgain(error: unknown): boolean {
  return isConflict(error) || (error instanceof DatabaseUnavailableError && error.executed === "rolled back");
}

async function runSession<T>(
  options: FullOptions,
  hooks: SupplyHooks,
  statements: Statements,
  fn: (session: Session) => Promise<T>,
): Promise<T> {
  let ended = (): void => undefined;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const unlimited = { ...options, statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };
  const connection = await openConnection(unlimited, { ...hooks, onClose: ended });
  const run = async (strings: TemplateStringsArray, ...params: readonly Param[]): Promise<object[]> => {
    const { text } = statements.of(strings);
    try {
      return await connection.run(text, params.map(encodeParam));
    } catch (error) {
      throw toDatabaseError(error, text);
    }
  };
  const script = async (text: string): Promise<string> => {
    try {
      return await connection.script(text);
    } catch (error) {
      throw toDatabaseError(error, text);
    }
  };
  try {
    return await fn({ db: run as Db, script, ended: end });
  } finally {
    await connection.close();
  }
}
