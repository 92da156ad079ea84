import { Checkout } from "./checkout";
import { openConnection } from "./connection";
import { DatabaseUnavailableError, isConflict, toDatabaseError } from "./databaseError";
import { withDefaults, type DatabaseOptions, type FullOptions } from "./databaseOptions";
import type { Database, Db, Param } from "./db";
import { Supply, type SupplyHooks } from "./supply";
import { runTransaction, StatementTexts } from "./transaction";
import { encodeParam } from "./values";

export interface DatabaseHooks {
  readonly monotonic: () => number;
  /** Called in the async context of the caller with the milliseconds that a statement took, waiting for a connection included. */
  readonly onQuery?: ((ms: number) => void) | undefined;
  readonly onInfo?: ((message: string) => void) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
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
const CLOSE_PATIENCE_MS = 5_000;
/** Templates that take longer than this on average, or were never run, get a connection alone so that nobody waits behind them. */
const SLOW_MS = 50;

/**
 * Connects and answers a pool. Fails with DatabaseUnavailableError when there is no connection within checkoutTimeoutMs, at
 * once where waiting cannot help (wrong password, no such database).
 */
export async function createDatabase(given: DatabaseOptions, hooks: DatabaseHooks): Promise<Pool> {
  const options = withDefaults(given);
  const { monotonic } = hooks;
  const supplyHooks: SupplyHooks = { monotonic, onInfo: hooks.onInfo ?? ignore, onWarning: hooks.onWarning ?? ignore };
  const checkout: Checkout = new Checkout({
    monotonic,
    timeoutMs: options.checkoutTimeoutMs,
    grow: () => supply.grow(),
    lastFailure: () => supply.lastFailure,
  });
  const supply = new Supply(options, supplyHooks, checkout);
  const texts = new StatementTexts();
  const averages = new WeakMap<TemplateStringsArray, number>();
  const onQuery = hooks.onQuery ?? ignore;

  async function query(strings: TemplateStringsArray, ...params: readonly Param[]): Promise<object[]> {
    const text = texts.of(strings);
    const values = params.map(encodeParam);
    const average = averages.get(strings);
    const started = monotonic();
    let sent = started;
    try {
      const rows = await checkout.use(average === undefined || average > SLOW_MS, ({ connection }) => {
        sent = monotonic();
        return connection.run(text, values);
      });
      const ms = monotonic() - sent;
      averages.set(strings, average === undefined ? ms : average * 0.8 + ms * 0.2);
      return rows;
    } catch (error) {
      throw toDatabaseError(error, text);
    } finally {
      onQuery(monotonic() - started);
    }
  }

  async function tx<T>(fn: (tx: Db) => Promise<T>): Promise<T> {
    const deadline = monotonic() + options.checkoutTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await checkout.use(true, ({ connection }) => runTransaction(connection, { texts, monotonic, onQuery }, fn));
      } catch (error) {
        if (attempt === TX_ATTEMPTS || monotonic() > deadline || !mayRunAgain(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, attempt * TX_PAUSE_MS));
      }
    }
  }

  const pool: Pool = Object.assign(query as Db, {
    tx,
    session: <T>(fn: (session: Session) => Promise<T>) => runSession(options, supplyHooks, texts, fn),
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

const ignore = (): void => undefined;

/** Both leave nothing of the transaction behind. A connection lost while committing is neither: the commit may have happened. */
function mayRunAgain(error: unknown): boolean {
  return isConflict(error) || (error instanceof DatabaseUnavailableError && error.executed === "rolled back");
}

async function runSession<T>(
  options: FullOptions,
  hooks: SupplyHooks,
  texts: StatementTexts,
  fn: (session: Session) => Promise<T>,
): Promise<T> {
  let ended = ignore;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const unlimited = { ...options, statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };
  const connection = await openConnection(unlimited, { ...hooks, onNotice: hooks.onInfo, onClose: ended });
  const run = async (strings: TemplateStringsArray, ...params: readonly Param[]): Promise<object[]> => {
    const text = texts.of(strings);
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
