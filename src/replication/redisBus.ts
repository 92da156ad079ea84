import type { RedisConfig } from "../config/types.generated";
import type { Random } from "../lib/random";
import { Trips, createSubscriptions } from "./bus";
import type { Bus, SharedStore } from "./bus";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";
import { createRedisClient } from "./redisClient";
import type { RedisClient } from "./redisClient";
import { RedisLink } from "./redisLink";
import { RedisSubscriber } from "./redisSubscriber";

export interface RedisBusOptions {
  readonly config: RedisConfig;
  readonly log: ReplicationLog;
  readonly random: Random;
  readonly pingMs?: number;
  readonly pongMs?: number;
}

function storeOver(link: RedisLink<RedisClient>): SharedStore {
  return {
    get: async (key) => (await link.live?.get(key)) ?? undefined,
    set: (key, text, ms) => void link.live?.set(key, text, { PX: ms }).catch(() => undefined),
  };
}

function publisherOver(link: RedisLink<RedisClient>, log: ReplicationLog) {
  let dropped = 0;
  /** The last publication; those before it are answered before it. */
  let publication: Promise<unknown> | undefined;
  // Redis answers whoever published before it has written to all subscribers, so its answer alone is not enough: but it takes the next
  // command only once it has.
  const trips = new Trips(async () => {
    await publication;
    await link.live?.ping();
  });
  const publish = (channel: string, text: string): void => {
    trips.sending();
    publication = link.live?.publish(channel, text).catch((error: unknown) => {
      if (dropped++ === 0) log.warn(`a message to ${channel} was dropped: ${messageOf(error)}`);
    });
  };
  return { trips, publish };
}

/** The bus of a deployment with several processes: Redis pub/sub, over one connection for each direction. */
export function createRedisBus({ config, log, random, ...timing }: RedisBusOptions): Bus {
  /** Marks our own messages, which Redis sends back to us too. */
  const self = random.letters(8);
  const subscriptions = createSubscriptions((error) => log.error("a message could not be handled", { error }));
  const reconnected = new Set<() => void>();

  const receive = (message: string, channel: string): void => {
    const sender = message.slice(0, self.length);
    if (sender !== self) subscriptions.deliver(channel, message.slice(self.length));
  };
  const onUp = (): void => {
    if (incoming.live && outgoing.live) for (const fn of reconnected) fn();
  };
  const prepare = async (subscriber: RedisSubscriber): Promise<void> => {
    const channels = subscriptions.channels();
    if (channels.length > 0) await subscriber.subscribe(channels, receive);
  };
  const link = { config, log, onUp, onDown: () => undefined, ...timing };
  const incoming: RedisLink<RedisSubscriber> = new RedisLink({
    ...link,
    name: "incoming",
    create: (...where) => new RedisSubscriber(...where),
    prepare,
  });
  const outgoing: RedisLink<RedisClient> = new RedisLink({
    ...link,
    name: "outgoing",
    create: createRedisClient,
    prepare: async () => undefined,
  });
  const { trips, publish } = publisherOver(outgoing, log);

  return {
    shared: true,
    connected: () => incoming.live !== undefined && outgoing.live !== undefined,
    publish: (channel, text) => publish(channel, self + text),
    delivered: () => trips.delivered(),
    subscribe(channel, fn) {
      trips.sending();
      const isNew = !subscriptions.channels().includes(channel);
      const stop = subscriptions.add(channel, fn);
      // A link that is down subscribes to all channels when it comes up.
      if (isNew) incoming.ready?.subscribe([channel], receive).catch(() => undefined);
      return () => {
        stop();
        if (!subscriptions.channels().includes(channel)) incoming.ready?.unsubscribe(channel).catch(() => undefined);
      };
    },
    rouse: () => incoming.live?.rouse() ?? false,
    expect: () => incoming.live?.expect() ?? (() => undefined),
    onReconnect(fn) {
      reconnected.add(fn);
      return () => reconnected.delete(fn);
    },
    store: storeOver(outgoing),
    close: async () => void (await Promise.all([incoming.close(), outgoing.close()])),
  };
}
