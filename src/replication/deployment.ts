import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { Database } from "../storage/db";
import { createSoloBus } from "./bus";
import type { Bus } from "./bus";
import { Leases } from "./leases";
import type { ReplicationLog } from "./log";
import { soloOwnership } from "./ownership";
import type { Ownership } from "./ownership";
import { createRedisBus } from "./redisBus";
import { createRpcTransport } from "./rpcTransport";
import type { InstanceAddress, RpcTransport } from "./rpcTransport";

/** What a process has to do with others. */
export interface OpenDeployment {
  readonly bus: Bus;
  readonly ownership: Ownership;
  /** Absent in a process that is alone. */
  readonly transport: RpcTransport | undefined;
  /** Hands over to the others. Call it once the writers have finished, and before the database is closed. */
  stop(): Promise<void>;
}

export interface DeploymentOptions {
  readonly solo: boolean;
  readonly instanceName: string;
  /** What this process stands for, and who may: both from the plan. */
  readonly standsFor: readonly string[];
  readonly candidates: Readonly<Record<string, readonly string[]>>;
  readonly addresses: Readonly<Record<string, InstanceAddress>>;
  readonly config: Pick<Config, "server_name" | "redis" | "worker_replication_secret">;
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ReplicationLog;
  /** This process has lost its place to another one of its name and must end. */
  readonly onReplaced: (error: Error) => void;
}

/** What goes before the name of a stream in the name of its channel. Synapse uses the bare server name: neither hears the other. */
export function channelPrefix(serverName: string): string {
  return `${serverName}/synapse-ts/v1/`;
}

/**
 * Takes this process's place among those that share its database. Fails when the place is taken, or when a process that
 * believes to be alone is not.
 */
export async function openDeployment(options: DeploymentOptions): Promise<OpenDeployment> {
  const { solo, instanceName, config, db, clock, random, log } = options;
  const bus = solo ? createSoloBus() : createRedisBus({ config: config.redis, log, random });
  const leases = new Leases({
    db,
    bus,
    channel: `${channelPrefix(config.server_name)}leases`,
    instance: instanceName,
    // A process that is alone needs no lease but the one that keeps a second one away.
    standsFor: solo ? ["main"] : options.standsFor,
    candidates: options.candidates,
    clock,
    log,
    onReplaced: options.onReplaced,
  });
  try {
    await leases.start();
    const others = leases.others();
    if (solo && others.length > 0) throw new Error(`${others.join(", ")} still work on this database, and this process knows nothing of them: redis is not enabled`);
  } catch (error) {
    await Promise.all([leases.stop(), bus.close()]);
    throw error;
  }
  return {
    bus,
    ownership: solo ? soloOwnership(instanceName) : leases,
    transport: solo ? undefined : createRpcTransport({ addresses: options.addresses, secret: config.worker_replication_secret }),
    async stop() {
      await leases.stop();
      await bus.close();
    },
  };
}
