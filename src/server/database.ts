import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { LoggerFactory } from "../observe/logger";
import type { Metrics } from "../observe/metrics";
import { createStorageMetrics } from "../observe/storageMetrics";
import type { DatabaseOptions } from "../storage/databaseOptions";
import { migrate, pendingMigrations, UnusableDatabaseError } from "../storage/migrate";
import { createDatabase } from "../storage/pool";
import type { Pool } from "../storage/pool";
import { settleFact } from "../storage/serverFacts";

export interface DatabaseDeps {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: LoggerFactory;
  readonly metrics: Metrics;
  /** Ends the process: the database belongs to another one now. */
  readonly onFatal: (error: Error) => void;
}

export interface OpenDatabase {
  readonly pool: Pool;
  /** As long as the database runs, no other main process can use it. */
  readonly locked: boolean;
  /** One more connection, for what must not wait behind other statements. The caller closes it. */
  connectApart(): Promise<Pool>;
  /** Closes the pool, and the embedded server where this process runs it. */
  close(): Promise<void>;
}

/** Finds the database or starts the embedded one, connects, and brings the schema up to date: the main process does, workers wait for it. */
export async function openDatabase(deps: DatabaseDeps): Promise<OpenDatabase> {
  const { clock, log, metrics } = deps;
  const { options, locked, stop } = await addressOf(deps);
  const hooks = { clock, log: log("synapse.storage") };
  const pool = await createDatabase(options, { ...hooks, metrics: createStorageMetrics(metrics) });
  exposeConnections(metrics, pool);
  const close = async (): Promise<void> => {
    await pool.close();
    await stop();
  };
  try {
    await prepare(pool, deps);
  } catch (error) {
    await close();
    throw error;
  }
  return { pool, locked, connectApart: () => createDatabase({ ...options, min: 1, max: 1 }, hooks), close };
}

function exposeConnections(metrics: Metrics, pool: Pick<Pool, "stats">): void {
  const connections = { name: "synapse_ts_database_connections", help: "Connections to the database", labels: ["state"] };
  metrics.computed("gauge", connections, () => {
    const { open, busy } = pool.stats();
    return [
      { labels: ["busy"], value: busy },
      { labels: ["idle"], value: open - busy },
    ];
  });
  const waiting = { name: "synapse_ts_database_waiting", help: "Queries that wait for a connection" };
  metrics.computed("gauge", waiting, () => [{ labels: [], value: pool.stats().waiting }]);
}

interface Address extends Pick<OpenDatabase, "locked"> {
  readonly options: DatabaseOptions;
  stop(): Promise<void>;
}

async function addressOf({ config, clock, log, onFatal }: DatabaseDeps): Promise<Address> {
  const target = config.derived.database;
  const elsewhere = { locked: false, stop: async () => undefined };
  if (target.kind === "server") return { options: target.options, ...elsewhere };
  const pool = { min: target.min, max: target.max, synchronousCommit: target.synchronousCommit };
  if (config.derived.role !== "main") {
    const { embeddedAddress } = await import("../storage/embeddedCluster");
    return { options: { ...embeddedAddress(target.dataDirectory), ...pool }, ...elsewhere };
  }
  // Loaded only here: a server elsewhere needs none of it.
  const { startEmbedded } = await import("../storage/embedded");
  const embedded = await startEmbedded({
    dataDirectory: target.dataDirectory,
    clock,
    log: log("synapse.storage.embedded"),
    onTakenOver: onFatal,
  });
  return { options: { ...embedded.options, ...pool }, locked: true, stop: embedded.stop };
}

const SCHEMA_PATIENCE_MS = 60_000;
const SCHEMA_POLL_MS = 500;

async function prepare(pool: Pool, { config, clock, log }: DatabaseDeps): Promise<void> {
  const { database, role } = config.derived;
  const options = { allowUnsafeLocale: database.kind === "server" && database.allowUnsafeLocale };
  if (role === "main") {
    const { applied } = await migrate(pool, options);
    if (applied.length > 0) log("synapse.storage").info(`Applied ${applied.length} migrations, up to ${applied.at(-1)}`);
  } else await waitForSchema(pool, clock);
  const known = await settleFact(pool, "server_name", config.server_name);
  if (known !== config.server_name) {
    throw new UnusableDatabaseError(
      `The database belongs to the server ${known}, and server_name is ${config.server_name}. The name of a server can't be changed: use another database, or set server_name back.`,
    );
  }
}

async function waitForSchema(pool: Pool, clock: Clock): Promise<void> {
  const giveUp = clock.monotonic() + SCHEMA_PATIENCE_MS;
  while ((await pendingMigrations(pool)).length > 0) {
    if (clock.monotonic() > giveUp)
      throw new UnusableDatabaseError("The database has no schema of this version yet: start the main process first.");
    await sleep(SCHEMA_POLL_MS);
  }
}
