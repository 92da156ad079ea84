import type { Config } from "../config/config";
import { readCluster } from "../handlers/admin/cluster";
import type { Cluster } from "../handlers/admin/cluster";
import { systemClock } from "../lib/clock";
import { systemRandom } from "../lib/random";
import { createSoloBus } from "../replication/bus";
import type { Bus } from "../replication/bus";
import { channelsOf } from "../replication/channels";
import { createRollCall } from "../replication/rollCall";
import type { DatabaseOptions } from "../storage/databaseOptions";
import { createDatabase } from "../storage/pool";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** How long to wait for Redis: without it nobody answers, and the database still knows who holds leases. */
const BUS_MS = 1_000;
const POLL_MS = 20;

/**
 * Asks the processes of a server, from a process that is none of them: by way of the database and Redis, so that it works whoever is
 * away. Throws where there is no database.
 */
export async function readClusterStatus(config: Config): Promise<Cluster> {
  const db = await createDatabase({ ...(await databaseOf(config)), min: 0, max: 2 }, { clock: systemClock });
  const bus = await openBus(config);
  const rollCall = createRollCall({ bus, channel: channelsOf(config.server_name).status, random: systemRandom });
  try {
    return await readCluster({ config, db, rollCall });
  } finally {
    rollCall.close();
    await Promise.all([bus.close(), db.close()]);
  }
}

async function databaseOf({ derived: { database } }: Config): Promise<DatabaseOptions> {
  if (database.kind === "server") return database.options;
  const { embeddedAddress } = await import("../storage/embeddedCluster");
  return embeddedAddress(database.dataDirectory);
}

async function openBus({ redis }: Config): Promise<Bus> {
  if (!redis.enabled) return createSoloBus();
  const { createRedisBus } = await import("../replication/redisBus");
  const bus = createRedisBus({ config: redis, log: silent, random: systemRandom });
  const giveUp = systemClock.monotonic() + BUS_MS;
  while (!bus.connected() && systemClock.monotonic() < giveUp) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  return bus;
}
