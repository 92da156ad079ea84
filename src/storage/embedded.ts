import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import { openConnection, type Connection } from "./connection";
import { DatabaseUnavailableError } from "./databaseError";
import { withDefaults, type DatabaseOptions } from "./databaseOptions";
import { EmbeddedDatabaseError, locateBinaries } from "./embeddedBinaries";
import { DATABASE, embeddedAddress, prepareCluster } from "./embeddedCluster";
import { ensureRunning, stopServer } from "./embeddedProcess";

export interface EmbeddedOptions {
  readonly dataDirectory: string;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Logger;
  /** Called when another main process holds the database after a restart of it: this one has to end. */
  readonly onTakenOver?: ((error: Error) => void) | undefined;
  /** A folder with initdb and postgres, instead of those that come with the program. */
  readonly binaries?: string | undefined;
  /** Server settings that replace ours. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined;
}

export interface EmbeddedDatabase {
  readonly options: DatabaseOptions;
  /** Stops the server; connections are cut. Close pools first. */
  stop(): Promise<void>;
}

/** An arbitrary constant. Whoever holds this lock in the database is the main process of the data directory. */
const MAIN_LOCK = 7_096_283_018_213;
/** The session of a main process that was killed ends within moments. */
const LOCK_PATIENCE_MS = 3_000;
const RESTART_FIRST_MS = 200;
const RESTART_MAX_MS = 30_000;
const STABLE_MS = 60_000;

/**
 * Starts the PostgreSQL server that lives in the data directory, or adopts the one that outlived a killed process, and keeps it
 * running until stop(). The server is a process of its own: it survives ours. Only one main process at a time may use a data directory; the
 * lock that says so is held by a session in that very database, so it ends with its process however that ends.
 *
 * Throws EmbeddedDatabaseError with one line for the operator.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const { dataDirectory, clock, log, settings = {} } = options;
  const cluster = await prepareCluster(dataDirectory, options.binaries ?? locateBinaries());
  const address = embeddedAddress(dataDirectory);
  const context = { cluster, settings, clock, log };
  let stopping = false;
  let held: Connection | undefined;
  let restarting: Promise<void> | undefined;
  let delayMs = RESTART_FIRST_MS;

  async function run(): Promise<void> {
    const { exited } = await ensureRunning(context);
    const since = clock.monotonic();
    held = await holdLock({ address, dataDirectory, clock, log }, (ended) => {
      if (stopping || held !== ended) return;
      if (clock.monotonic() - since > STABLE_MS) delayMs = RESTART_FIRST_MS;
      restarting = restart(exited);
    });
  }

  async function restart(exited: Promise<string> | undefined): Promise<void> {
    // A crashed backend cuts all sessions, but then the server recovers by itself and does not exit.
    const cut = sleep(delayMs, "all sessions were cut");
    log.error(`the embedded database went away: ${await (exited ? Promise.race([exited, cut]) : cut)}`);
    while (!stopping) {
      await sleep(delayMs);
      delayMs = Math.min(delayMs * 2, RESTART_MAX_MS);
      try {
        if (!stopping) await run();
        return log.info("the embedded database runs again");
      } catch (error) {
        if (error instanceof TakenOverError) return options.onTakenOver?.(error);
        log.error((error as Error).message);
      }
    }
  }

  try {
    await run();
  } catch (error) {
    if (!(error instanceof TakenOverError)) await stopServer(context);
    throw error;
  }
  return {
    options: address,
    stop: async () => {
      stopping = true;
      await stopServer(context);
      // It may have been about to start the server once more.
      await restarting;
      await stopServer(context);
      await held?.close();
    },
  };
}

class TakenOverError extends EmbeddedDatabaseError {}

interface LockContext {
  readonly address: DatabaseOptions;
  readonly dataDirectory: string;
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Logger;
}

async function holdLock(context: LockContext, onClose: (connection: Connection) => void): Promise<Connection> {
  const { address, dataDirectory, clock, log } = context;
  const forever = { statementTimeoutMs: 0, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };
  const options = withDefaults({ ...address, ...forever, applicationName: `synapse-ts main process ${process.pid}` });
  const connection = await openOrCreate(() => openConnection(options, { clock, log, onClose }), { ...context, address: options });
  const end = clock.monotonic() + LOCK_PATIENCE_MS;
  for (;;) {
    const [row] = await connection.run("select pg_try_advisory_lock($1) as locked", [String(MAIN_LOCK)]);
    if (row?.["locked"] === true) return connection;
    if (clock.monotonic() > end) break;
    await sleep(100);
  }
  const [holder] = await connection.run(
    `select substring(application_name from 'process (\\d+)') as pid from pg_stat_activity join pg_locks using (pid)
     where locktype = 'advisory' and granted and (classid::int8 << 32) + objid::int8 = $1`,
    [String(MAIN_LOCK)],
  );
  await connection.close();
  const who = typeof holder?.["pid"] === "string" ? `process ${holder["pid"]}` : "another process";
  throw new TakenOverError(`the data directory ${dataDirectory} is in use by ${who}: only one main process can use it`);
}

/** Opens a connection; makes the database at the first start, and waits while the server recovers from a crash. */
async function openOrCreate(open: () => Promise<Connection>, { address, clock, log }: LockContext): Promise<Connection> {
  const end = clock.monotonic() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (codeOf(error) === "3D000") await createDatabase(address, { clock, log });
      else if (clock.monotonic() > end) throw error;
      else await sleep(50);
    }
  }
}

async function createDatabase(address: DatabaseOptions, hooks: { clock: Pick<Clock, "monotonic">; log: Logger }): Promise<void> {
  const connection = await openConnection(withDefaults({ ...address, database: "postgres" }), { ...hooks, onClose: () => undefined });
  try {
    await connection.script(`create database ${DATABASE} template template0 encoding 'UTF8' locale 'C'`);
  } catch (error) {
    // 42P04, 23505: another process made it meanwhile.
    if (!["42P04", "23505"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    await connection.close();
  }
}

function codeOf(error: unknown): string | undefined {
  const source = error instanceof DatabaseUnavailableError ? error.cause : error;
  return (source as { code?: string } | undefined)?.code;
}
