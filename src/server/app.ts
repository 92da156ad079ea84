import { createCaches } from "../caches/caches";
import type { Config } from "../config/config";
import type { App } from "../handlers/app";
import { createAccounts } from "../handlers/auth/accounts";
import { createClientAuthenticator } from "../handlers/auth/authenticate";
import { followEvents } from "../handlers/followEvents";
import { removePushersOfDevices } from "../handlers/push/pushers";
import { createPush } from "../handlers/push/push";
import { createRateLimiter } from "../handlers/rateLimiter";
import { followGuestAccess } from "../handlers/rooms/guestAccess";
import { createLazyMembers } from "../handlers/sync/lazyMembers";
import { createUserData } from "../handlers/userData";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import { createBackground } from "../observe/background";
import type { LoggerFactory } from "../observe/logger";
import type { Metrics } from "../observe/metrics";
import type { Bus } from "../replication/bus";
import { createRpc } from "../replication/createRpc";
import { createReplicationMetrics, watchReplication } from "../replication/metrics";
import { Notifier } from "../replication/notifier";
import type { Ownership } from "../replication/ownership";
import type { RpcTransport } from "../replication/rpcTransport";
import { Streams } from "../replication/streams";
import type { Database } from "../storage/db";
import { eventsStream } from "../streams/events";
import { allStreams } from "../streams/registry";
import { RoomWriter } from "../writers/roomWriter";
import { createAuthenticate } from "./authenticate";
import { createHooks } from "./hooks";
import { allRpcs, fetchMemory } from "../writers/registry";

/** What differs between a process that is alone and one of many. */
export interface Deployment {
  readonly bus: Bus;
  readonly ownership: Ownership;
  /** Absent in a process that is alone. */
  readonly transport: RpcTransport | undefined;
}

export interface AppOptions {
  readonly config: Config;
  readonly db: Database;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LoggerFactory;
  readonly metrics: Metrics;
  readonly deployment: Deployment;
}

export interface RunningApp {
  readonly app: App;
  /** Begins to follow the streams; before that nothing may be served. */
  start(): Promise<void>;
  /** Lets writers finish and stops everything but the database. */
  stop(): Promise<void>;
}

/** Who writes a stream, and by which key its rows are spread over several writers. */
function writerOf(name: string, key: string | undefined): { standsFor: string; key?: string } {
  const stream = allStreams.find((def) => def.name === name);
  if (!stream) return { standsFor: name, ...(key !== undefined && { key }) };
  return stream.sharding === "single" || key === undefined ? { standsFor: stream.writer } : { standsFor: stream.writer, key };
}

/** Puts the collaborators of a process together. Nothing runs until start. */
export function createApp(options: AppOptions): RunningApp {
  const { config, db, clock, random, log, metrics, deployment } = options;
  const { server_name: serverName } = config;
  const signingKey = config.derived.signingKeys[0];
  if (!signingKey) throw new Error("there is no signing key");
  const replicationLog = log("synapse.replication");
  const accounts = createAccounts({ config, db, clock, onError: (error) => log("synapse.handlers.account").error("an account task failed", { error }) });
  const replicationMetrics = createReplicationMetrics(metrics);
  const notifier = new Notifier({ clock, metrics: replicationMetrics });
  const streams: Streams = new Streams({
    defs: allStreams,
    db,
    bus: deployment.bus,
    notifier,
    caches: accounts,
    log: replicationLog,
    clock,
    random,
    instance: config.derived.instanceName,
    channelPrefix: `${serverName}/synapse-ts/v1/`,
    fetchMemory: (stream, query) => fetchMemory(app, stream, query),
    metrics: replicationMetrics,
  });
  watchReplication(metrics, notifier, streams);
  const caches = createCaches({ db, serverName, factor: config.caches.global_factor, eventsHead: () => streams.position(eventsStream) });
  const rpc = createRpc({
    defs: allRpcs,
    app: () => app,
    ownership: deployment.ownership,
    streams,
    writerOf,
    transport: deployment.transport,
    log: replicationLog,
    clock,
    random,
    metrics: replicationMetrics,
  });
  const base = { config, serverName, instanceName: config.derived.instanceName, clock, random, log, metrics, db, signingKey };
  const shared = { caches, streams, notifier, rpc, ownership: deployment.ownership, accounts };
  const push = createPush({ ...base, caches, streams });
  const roomWriter = new RoomWriter({ ...base, caches, push: () => push.evaluator, publish: (rows) => streams.publish(eventsStream, rows) });
  const app: App = {
    ...base,
    ...shared,
    push,
    userData: createUserData({ ...base, ...shared }),
    lazyMembers: createLazyMembers(clock),
    rateLimiter: createRateLimiter(clock, config),
    auth: { authenticate: createAuthenticate(createClientAuthenticator({ ...base, accounts }), config.worker_replication_secret) },
    hooks: createHooks(() => app),
    roomWriter,
    background: createBackground(log, metrics, clock),
  };
  followEvents(app);
  accounts.listeners.devicesDeleted.push(({ userId, deviceIds }) => removePushersOfDevices(app, userId, deviceIds));
  followGuestAccess(app);
  return {
    app,
    async start() {
      await streams.start();
      accounts.seen.start();
      await app.userData.start();
    },
    async stop() {
      notifier.close();
      await roomWriter.drain();
      await app.userData.stop();
      await accounts.seen.stop();
      await Promise.all([accounts.web.close(), accounts.guardedWeb.close()]);
      streams.stop();
      await rpc.close();
    },
  };
}
