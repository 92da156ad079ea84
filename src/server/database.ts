import type { Clock } from "../lib/clock";
import type { LoggerFactory } from "../observe/logger";
import type { Metrics } from "../observe/metrics";
import { createStorageMetrics } from "../observe/storageMetrics";
import type { DatabaseOptions } from "../storage/databaseOptions";
import { createDatabase } from "../storage/pool";
import type { Pool } from "../storage/pool";

/** Connects to the database and counts what goes on there. */
export function openDatabase(options: DatabaseOptions, deps: { clock: Clock; log: LoggerFactory; metrics: Metrics }): Promise<Pool> {
  return createDatabase(options, { clock: deps.clock, log: deps.log("synapse.storage"), metrics: createStorageMetrics(deps.metrics) });
}
