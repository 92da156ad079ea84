import { createServer } from "node:net";
import type { Server } from "node:net";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import type { LoggerFactory } from "../observe/logger";
import { createSoloBus } from "../replication/bus";
import type { Bus } from "../replication/bus";
import { Leases } from "../replication/leases";
import { soloOwnership } from "../replication/ownership";
import { channelsOf } from "../replication/channels";
import { createRpcTransport } from "../replication/rpcTransport";
import type { TcpHub } from "../replication/tcpHub";
import { shardingOf, standsFor } from "../roles/plan";
import type { ProcessPlan } from "../roles/plan";
import { UnusableDatabaseError } from "../storage/migrate";
import type { Deployment } from "./app";
import type { OpenDatabase } from "./database";
import { openSockets } from "./http/sockets";

export interface DeploymentDeps {
  readonly config: Config;
  readonly plan: ProcessPlan;
  readonly database: Pick<OpenDatabase, "pool" | "locked" | "connectApart">;
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
  const { config, plan, database, clock, onFatal } = deps;
  const log = deps.log("synapse.replication");
  const bus = await createBus(deps);
  const isAlone = plan.bus.kind === "none";
  // Alone, the leases only keep a second main process away. With others their renewal must not wait behind a statement that waits for a lock.
  const apart = isAlone ? undefined : await database.connectApart();
  const leases = new Leases({
    db: apart ?? database.pool,
    bus,
    channel: channelsOf(config.server_name).leases,
    instance: plan.instanceName,
    standsFor: standsFor(plan),
    candidates: plan.candidates,
    unique: database.locked,
    clock,
    log,
    onReplaced: onFatal,
    sharding: isAlone ? undefined : shardingOf(config),
  });
  return {
    bus,
    ownership: isAlone ? soloOwnership(plan.instanceName) : leases,
    transport: isAlone ? undefined : createRpcTransport({ addresses: plan.addresses, secret: config.worker_replication_secret }),
    async start() {
      await leases.start();
      const others = leases.others();
      if (isAlone && others.length > 0) {
        throw new UnusableDatabaseError(
          `Other processes use this database: ${others.join(", ")}. Stop them, or enable redis so that they can work together.`,
        );
      }
    },
    async stop() {
      await leases.stop();
      await apart?.close();
      await bus.close();
    },
  };
}

/** Each kind is loaded only where it is used. */
async function createBus({ config, plan, random, log: logger }: DeploymentDeps): Promise<Bus> {
  const { bus } = plan;
  const common = { serverName: config.server_name, secret: config.worker_replication_secret, log: logger("synapse.replication.tcp") };
  switch (bus.kind) {
    case "none":
      return createSoloBus();
    case "redis": {
      const { createRedisBus } = await import("../replication/redisBus");
      return createRedisBus({ config: config.redis, log: logger("synapse.replication.tcp.redis"), random });
    }
    case "tcp": {
      const { createTcpBus } = await import("../replication/tcpBus");
      return createTcpBus({ ...common, host: bus.host, port: bus.port, instance: plan.instanceName });
    }
    case "hub": {
      const { createTcpHub } = await import("../replication/tcpHub");
      return openHub(createTcpHub({ ...common, random }), plan);
    }
  }
}

async function openHub(hub: TcpHub, { listeners }: ProcessPlan): Promise<Bus> {
  const servers: Server[] = [];
  for (const { listener } of listeners) {
    if (listener.type === "replication") servers.push(...(await openSockets(listener, () => createServer(hub.accept))));
  }
  return {
    ...hub,
    async close() {
      for (const server of servers) server.close();
      await hub.close();
    },
  };
}
