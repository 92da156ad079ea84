import type { Socket } from "node:net";
import postgres from "postgres";
import type { Clock } from "../lib/clock";
import type { Logger } from "../observe/logger";
import { DatabaseUnavailableError, toConnectError } from "./databaseError";
import { describeDatabase, type FullOptions } from "./databaseOptions";
import { openSocket } from "./socket";
import { driverTypes } from "./values";

export type Row = Record<string, unknown>;

/** One session with the server. Statements run in the order in which they are started and may be started without waiting. */
export interface Connection {
  /** Statements started and not answered. */
  readonly inFlight: number;
  /** Monotonic time at which the oldest of them began to run. */
  readonly headSince: number;
  readonly isOpen: boolean;
  /** `params` as encodeParam leaves them. */
  run(text: string, params: (string | null)[]): Promise<Row[]>;
  /** Any number of statements in one text, without parameters. Answers the command tag of the last. */
  script(text: string): Promise<string>;
  /** Ends the session; cuts it off when that takes longer than a second. Running statements fail. */
  close(): Promise<void>;
}

interface Hooks {
  readonly clock: Pick<Clock, "monotonic">;
  readonly log: Pick<Logger, "debug">;
  /** Called once, before the running statements fail. */
  readonly onClose: (connection: Connection) => void;
}

const prepared = { prepare: true, simple: false };
const simple = { prepare: false, simple: true };

/**
 * Opens one session through postgres.js, of which only the protocol is used. Its pool and its transactions lose queries when
 * connections are cut: they hang, or run on the next connection outside of their transaction, or write to a socket that is
 * no more, which ends the process (TypeError in nextWrite: reading "write" of null). None of that code is reached here:
 *
 * - a client has one connection, and its `socket` option gives the same ready socket once and then refuses. So it can never
 *   reconnect, and a queued statement can never slip onto another session;
 * - `begin` and `reserve` write to their connection without asking whether it is open. They are not used: `begin` and
 *   `commit` are statements like any other, and those go through the client's queue, which knows. Every other write
 *   happens while a message of the server is handled, that is, with the socket in place;
 * - the driver forgets queued statements when the socket closes, so each is also settled here by the close of the socket;
 * - `end` may wait for ever, so the socket is destroyed after a second.
 */
export async function openConnection(options: FullOptions, hooks: Hooks): Promise<Connection> {
  const where = describeDatabase(options);
  try {
    const socket = await openSocket(options);
    const connection = new DriverConnection(options, socket, hooks);
    try {
      await connection.script(settings(options));
    } catch (error) {
      void connection.close();
      throw error;
    }
    return connection;
  } catch (error) {
    throw toConnectError(error, where);
  }
}

/** Set by a statement, not in the startup message: poolers between us and the server refuse startup parameters. */
function settings(options: FullOptions): string {
  const values = {
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs,
    synchronous_commit: options.synchronousCommit ? undefined : "off",
    default_transaction_isolation: "'read committed'",
    client_min_messages: "warning",
    bytea_output: "hex",
    // Compiling a plan costs more than any of our statements, which are short by design.
    jit: "off",
  };
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `set ${key} = ${value}`)
    .join("; ");
}

class DriverConnection implements Connection {
  inFlight = 0;
  headSince = 0;
  isOpen = true;
  private readonly sql: postgres.Sql;
  private readonly running = new Set<(error: Error) => void>();

  constructor(
    options: FullOptions,
    private readonly socket: Socket,
    private readonly hooks: Hooks,
  ) {
    // A reset that arrives while the driver attaches and detaches its own listeners must not go unheard.
    socket.on("error", () => undefined).once("close", () => this.closed());
    let given = false;
    this.sql = postgres({
      // As arrays the driver takes them as they are; in text it would look for ports and lists.
      host: [options.host],
      port: [options.port],
      user: options.user,
      password: options.password,
      database: options.database,
      max: 1,
      ssl: false,
      fetch_types: false,
      no_subscribe: true,
      idle_timeout: null,
      max_lifetime: null,
      keep_alive: null,
      connect_timeout: options.connectTimeoutMs / 1000,
      max_pipeline: 1000,
      types: driverTypes(),
      connection: { application_name: options.applicationName },
      onnotice: (notice: postgres.Notice) => hooks.log.debug(`${notice["severity"]}: ${notice["message"]}`),
      socket: () => {
        // The driver asks a moment later; it would wait for a socket that is gone until connect_timeout.
        if (given || socket.destroyed) throw new DatabaseUnavailableError("the connection is closed", "unknown");
        given = true;
        return socket;
      },
    } as unknown as postgres.Options<Record<string, postgres.PostgresType>>);
  }

  run(text: string, params: (string | null)[]): Promise<Row[]> {
    return this.track(() => this.sql.unsafe<Row[]>(text, params, prepared));
  }

  async script(text: string): Promise<string> {
    const result: unknown = await this.track(() => this.sql.unsafe<Row[]>(text, [], simple));
    const last = (Array.isArray(result) && Array.isArray(result.at(-1)) ? result.at(-1) : result) as { command?: string };
    return last.command ?? "";
  }

  private track<T>(start: () => PromiseLike<T>): Promise<T> {
    if (!this.isOpen) return Promise.reject(new DatabaseUnavailableError("the connection is closed", "no"));
    return new Promise((resolve, reject) => {
      if (this.inFlight++ === 0) this.headSince = this.hooks.clock.monotonic();
      this.running.add(reject);
      const settled = (): void => {
        if (!this.running.delete(reject)) return;
        if (--this.inFlight > 0) this.headSince = this.hooks.clock.monotonic();
      };
      start().then(
        (value) => (settled(), resolve(value)),
        (error) => (settled(), reject(error)),
      );
    });
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    const gone = new Promise((resolve) => this.socket.once("close", resolve));
    const timer = setTimeout(() => this.socket.destroy(), 1000);
    void this.sql.end({ timeout: 0 }).catch(() => undefined);
    await gone;
    clearTimeout(timer);
  }

  private closed(): void {
    this.isOpen = false;
    this.hooks.onClose(this);
    const running = [...this.running];
    this.running.clear();
    this.inFlight = 0;
    for (const reject of running) reject(new DatabaseUnavailableError("the connection to the database was lost", "unknown"));
  }
}
