import { Trips, createSubscriptions } from "./bus";
import type { Bus } from "./bus";
import { encodeFrame } from "./tcpFrames";
import { TcpLink } from "./tcpLink";
import type { TcpLinkOptions } from "./tcpLink";

/** The bus of a worker without Redis: a connection to the main process, which passes everything on. */
export function createTcpBus(options: TcpLinkOptions): Bus {
  const subscriptions = createSubscriptions((error) => options.log.error("a message could not be handled", { error }));
  const reconnected = new Set<() => void>();
  const link = new TcpLink(options, {
    channels: () => subscriptions.channels(),
    onMessage: (channel, text) => subscriptions.deliver(channel, text),
    onUp: () => {
      for (const fn of reconnected) fn();
    },
  });
  const trips = new Trips(() => link.mark());
  return {
    shared: true,
    connected: () => link.live !== undefined,
    publish(channel, text) {
      trips.sending();
      link.live?.send(encodeFrame("say", channel, text));
    },
    delivered: () => trips.delivered(),
    subscribe(channel, fn) {
      trips.sending();
      const isNew = !subscriptions.channels().includes(channel);
      const stop = subscriptions.add(channel, fn);
      // A link that is down subscribes to all channels when it comes up.
      if (isNew) link.ready?.send(encodeFrame("subscribe", channel));
      return () => {
        stop();
        if (!subscriptions.channels().includes(channel)) link.ready?.send(encodeFrame("unsubscribe", channel));
      };
    },
    onReconnect(fn) {
      reconnected.add(fn);
      return () => reconnected.delete(fn);
    },
    close: async () => link.close(),
  };
}
