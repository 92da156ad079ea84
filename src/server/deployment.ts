import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { LoggerFactory } from "../observe/logger";
import { createSoloBus } from "../replication/bus";
import { Leases } from "../replication/leases";
import { soloOwnership } from "../replication/ownership";
import { createRpcTransport } from "../replication/rpcTransport";
import { standsFor } from "../roles/plan";
import type { ProcessPlan } from "../roles/plan";
import type { Database } from "../storage/db";
import { UnusableDatabaseError } from "../storage/migrate";
import type { Deployment } from "./app";

export interface DeploymentDeps {
  readonly config: Config;
  readonly plan: ProcessPlan;
  readonly db: Database;
  /** No other main process can be using the database. */
  readonly locked: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LoggerFactory;
  readonly onFatal: (error: Error) => void;
}

export interface RunningDeployment extends Deployment {
  /** Takes the leases; fails when another process of the same name holds them. */
  start(): Promise<void>;
  /** Gives the leases up and leaves the bus. */
  stop(): Promise<void>;
}

/** How a process stands to others: alone, or on a bus with leases that say who owns what. */
export async function createDeployment(deps: DeploymentDeps): Promise<RunningDeployment> {
  const { config, plan, db, clock, onFatal } = deps;
  const log = deps.log("synapse.replication");
  const bus = plan.solo ? createSoloBus() : await redisBus(deps);
  // Alone, the leases only keep a second main process away.
  const leases = new Leases({
    db,
    bus,
    channel: `${config.server_name}/synapse-ts/v1/leases`,
    instance: plan.instanceName,
    standsFor: standsFor(plan),
    candidates: plan.candidates,
    unique: deps.locked,
    clock,
    log,
    onReplaced: onFatal,
  });
  return {
    bus,
    ownership: plan.solo ? soloOwnership(plan.instanceName) : leases,
    transport: plan.solo ? undefined : createRpcTransport({ addresses: plan.addresses, secret: config.worker_replication_secret }),
    async start() {
      await leases.start();
      const others = leases.others();
      if (plan.solo && others.length > 0) {
        throw new UnusableDatabaseError(
          `Other processes use this database: ${others.join(", ")}. Stop them, or enable redis so that they can work together.`,
        );
      }
    },
    async stop() {
      await leases.stop();
      await bus.close();
    },
  };
}

/** Loaded only where there is a Redis. */
async function redisBus({ config, random, log }: DeploymentDeps): Promise<Deployment["bus"]> {
  const { createRedisBus } = await import("../replication/redisBus");
  return createRedisBus({ config: config.redis, log: log("synapse.replication.tcp.redis"), random });
}
