import { hostname } from "node:os";
import { createCaches } from "../caches/caches";
import type { CachePositions } from "../caches/caches";
import type { Config } from "../config/config";
import type { App } from "../handlers/app";
import { createAppservices } from "../handlers/appservices/appservices";
import { createAccounts } from "../handlers/auth/accounts";
import { createSignOn } from "../handlers/auth/signOn/signOn";
import { createClientAuthenticator } from "../handlers/auth/authenticate";
import { describeProcess } from "../handlers/admin/cluster";
import { createAdminTasks } from "../handlers/admin/tasks";
import { createDelayedEvents } from "../handlers/delayedEvents/delayedEvents";
import { createServerNotices } from "../handlers/serverNotices/serverNotices";
import { followEvents } from "../handlers/followEvents";
import { followPurges } from "../handlers/followPurges";
import { createMedia, stopMedia } from "../handlers/media/media";
import { createMediaProcesses } from "../handlers/media/mediaProcesses";
import { removePushersOfDevices } from "../handlers/push/pushers";
import { createKeys } from "../handlers/keys/keys";
import { createPush } from "../handlers/push/push";
import { createRateLimiter } from "../handlers/rateLimiter";
import { followReturns } from "../handlers/federation/heardOf";
import { followGuestAccess } from "../handlers/rooms/guestAccess";
import { createPartialJoins } from "../handlers/federation/partialJoins";
import { createRemoteRooms } from "../handlers/spaces/remoteRooms";
import { createSlidingConnections } from "../handlers/slidingSync/connections";
import { createResponseCache } from "../handlers/sync/responseCache";
import { createLargeSyncs } from "../handlers/sync/sync";
import { createLazyMembers } from "../handlers/sync/lazyMembers";
import { createTemplates } from "../handlers/templates/templates";
import { createUserData } from "../handlers/userData";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import { createTurns } from "../lib/turns";
import { createBackground } from "../observe/background";
import type { LoggerFactory } from "../observe/logger";
import type { Metrics } from "../observe/metrics";
import type { Bus } from "../replication/bus";
import { createAttention } from "../replication/attention";
import { createRpc } from "../replication/createRpc";
import { channelsOf } from "../replication/channels";
import { createFreshness } from "../replication/freshness";
import { createForwarder } from "../replication/forward";
import { createHints } from "../replication/hints";
import { createReplicationMetrics, watchReplication } from "../replication/metrics";
import { Notifier } from "../replication/notifier";
import type { Ownership } from "../replication/ownership";
import { PacedBus } from "../replication/pacedBus";
import { createRollCall } from "../replication/rollCall";
import type { RpcTransport } from "../replication/rpcTransport";
import { createSharedCaches } from "../replication/sharedCache";
import type { SharedCaches } from "../replication/sharedCache";
import { Streams } from "../replication/streams";
import { addressesOf, mediaListeners } from "../roles/plan";
import type { Database } from "../storage/db";
import { cachesStream } from "../streams/caches";
import { eventsStream } from "../streams/events";
import { allStreams } from "../streams/registry";
import { unPartialStatedRoomStream } from "../streams/unPartialStatedRoom";
import { createSearchIndex } from "../services/search";
import { RoomWriter } from "../writers/roomWriter";
import type { RoomWriterDeps } from "../writers/roomWriter";
import { authenticateServer } from "../handlers/federation/auth";
import { stopStaging } from "../handlers/federation/staging";
import { createInFlight } from "../handlers/federation/inFlight";
import { createFederation } from "../remote/createFederation";
import { createAuthenticate } from "./authenticate";
import { createHooks } from "./hooks";
import { watchCaches } from "./watchCaches";
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

/** How long a request may wait for what others wrote before it came; then it is served what is known. */
const CATCH_UP_MS = 1_000;

/** Who writes a stream, and by which key its rows are spread over several writers. */
function writerOf(name: string, key: string | undefined): { standsFor: string; key?: string } {
  const stream = allStreams.find((def) => def.name === name);
  if (!stream) return { standsFor: name, ...(key !== undefined && { key }) };
  return stream.sharding === "single" || key === undefined ? { standsFor: stream.writer } : { standsFor: stream.writer, key };
}

/** What ties the process to the others, or to itself when it is alone. `app` is asked for only once calls are made. */
function createReplication({ config, db, clock, random, log, metrics, deployment }: AppOptions, accounts: App["accounts"], app: () => App) {
  const replicationMetrics = createReplicationMetrics(metrics);
  const common = { log: log("synapse.replication"), clock, random, metrics: replicationMetrics };
  const notifier = new Notifier({ clock, metrics: replicationMetrics });
  const { ownership, transport, bus } = deployment;
  const onError = (error: unknown): void => common.log.error("a message could not be handled", { error });
  const channels = channelsOf(config.server_name);
  const prompt = new Set(allStreams.flatMap((stream) => (stream.prompt ? [channels.streams + stream.name] : [])));
  const pace = { channel: channels.digest, prompt };
  const paced = bus.shared ? new PacedBus({ bus, ...pace, clock, onError }) : undefined;
  const attention = createAttention({
    bus: paced,
    clock,
    isAwaited: () => !notifier.idle(),
    catchUp: async () => void (await streams.catchUp(CATCH_UP_MS)),
  });
  const streams: Streams = new Streams({
    ...common,
    defs: allStreams,
    db,
    bus: paced ?? bus,
    lateness: paced && (() => paced.lateness()),
    onWait() {
      void attention.pay();
      return bus.expect?.();
    },
    notifier,
    caches: accounts,
    instance: config.derived.instanceName,
    channelPrefix: channels.streams,
    fetchMemory: (stream, query) => fetchMemory(app(), stream, query),
    writes: ({ writer }) => (ownership.isMine(writer) ? (ownership.fence(writer)?.epoch ?? 0) : undefined),
  });
  watchReplication(metrics, notifier, streams);
  const freshness = createFreshness(streams, bus);
  const rpc = createRpc({ ...common, defs: allRpcs, app, ownership, streams, writerOf, told: freshness?.told, transport });
  const about = { config, metrics, streams, busConnected: () => bus.connected(), mediaListeners: mediaListeners(config) };
  const describe = () => describeProcess(about);
  const rollCall = createRollCall({ bus, channel: channels.status, random, describe });
  const here = { hostname: hostname(), addresses: addressesOf(config.instance_map) };
  const mediaProcesses = createMediaProcesses({ db, clock, rollCall, instance: config.derived.instanceName, here });
  const forwarder = createForwarder();
  const disconnect = async (): Promise<void> => {
    attention.close();
    rollCall.close();
    streams.stop();
    await paced?.close();
    await rpc.close();
    await forwarder.close();
  };
  const hints = createHints({ bus, channelPrefix: channels.hints, onError });
  const cluster = { rollCall, describe };
  return { app: { notifier, streams, attention, freshness, hints, rpc, ownership, cluster, mediaProcesses, forwarder }, disconnect };
}

const cachePositions = (streams: Streams): CachePositions => ({
  events: () => streams.position(eventsStream),
  unPartialStatedRoom: () => streams.position(unPartialStatedRoomStream),
});

const publishersTo = (streams: Streams): Pick<RoomWriterDeps, "publish" | "forget"> => ({
  publish: (rows) => streams.publish(eventsStream, rows),
  forget: (rows) => streams.publish(cachesStream, rows),
});

const sharedCachesOf = ({ config, clock, metrics, deployment: { bus } }: AppOptions): SharedCaches =>
  createSharedCaches({ store: bus.store, clock, keyPrefix: channelsOf(config.server_name).caches, metrics });

/** Puts the collaborators of a process together. Nothing runs until start. */
export function createApp(options: AppOptions): RunningApp {
  const { config, db, clock, random, log, metrics } = options;
  const { server_name: serverName } = config;
  const signingKey = config.derived.signingKeys[0];
  if (!signingKey) throw new Error("there is no signing key");
  const onError = (error: unknown): void => log("synapse.handlers.account").error("an account task failed", { error });
  const accounts = createAccounts({ config, db, clock, onError });
  const { app: replication, disconnect } = createReplication(options, accounts, () => app);
  const { streams } = replication;
  const turns = createTurns(clock);
  const caches = createCaches({ db, turns, serverName, config, positions: cachePositions(streams) });
  const base = {
    ...{ config, db, clock, turns, random, log, metrics },
    serverName,
    instanceName: config.derived.instanceName,
    signingKey,
    caches,
    accounts,
  };
  const push = createPush({ ...base, streams });
  const federation = createFederation({ ...base, sharedCaches: sharedCachesOf(options) });
  const background = createBackground(log, metrics, clock);
  const app: App = {
    ...base,
    ...replication,
    push,
    userData: createUserData({ ...base, ...replication }),
    templates: createTemplates(config, log("synapse.config.server")),
    keys: createKeys({ ...base, ...replication }),
    lazyMembers: createLazyMembers(clock),
    syncResponses: createResponseCache(config.caches.sync_response_cache_duration, () => clock.monotonic()),
    largeSyncs: createLargeSyncs(),
    slidingSync: createSlidingConnections(db, config.caches.global_factor),
    rateLimiter: createRateLimiter(clock, config),
    auth: {
      authenticate: createAuthenticate({
        clients: createClientAuthenticator(base),
        servers: (request, content) => authenticateServer({ ...base, federation }, request, content),
        replicationSecret: config.worker_replication_secret,
      }),
    },
    federation,
    appservices: createAppservices({ config, clock, web: accounts.web }),
    inFlight: createInFlight(base),
    remoteRooms: createRemoteRooms({ client: federation.client, clock, serverName }),
    media: createMedia({ ...base, background }),
    adminTasks: createAdminTasks(() => app),
    partialJoins: createPartialJoins(() => app),
    serverNotices: createServerNotices(() => app),
    delayedEvents: createDelayedEvents(() => app),
    searchIndex: createSearchIndex(() => app),
    hooks: createHooks(() => app),
    roomWriter: new RoomWriter({ ...base, push: () => push.evaluator, ...publishersTo(streams) }),
    background,
  };
  connect(app);
  watchCaches(metrics, app);
  return { app, start: () => start(app), stop: () => stop(app, disconnect) };
}

/** What follows what: before the streams start. */
function connect(app: App): void {
  followEvents(app);
  followPurges(app);
  followGuestAccess(app);
  followReturns(app);
  app.hints.heed("admin_tasks", () => app.adminTasks.wake());
  app.hints.heed("partial_joins", () => app.partialJoins.wake());
  app.accounts.signOn = createSignOn(app);
  app.accounts.listeners.devicesDeleted.push(({ userId, deviceIds }) => removePushersOfDevices(app, userId, deviceIds));
}

async function start({ streams, accounts, templates, userData }: App): Promise<void> {
  await templates.load();
  await streams.start();
  accounts.seen.start();
  await userData.start();
}

async function stop(app: App, disconnect: () => Promise<void>): Promise<void> {
  const { notifier, roomWriter, userData, keys, accounts, federation, media } = app;
  app.inFlight.ending = true;
  notifier.close();
  await roomWriter?.drain();
  await userData.stop();
  await keys.claimer.drain();
  await accounts.seen.stop();
  await stopMedia(media);
  await Promise.all([accounts.web.close(), accounts.guardedWeb.close(), federation.client.close()]);
  await stopStaging(app);
  await disconnect();
}
