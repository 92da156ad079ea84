import type { AppService } from "../../config/appservices";
import type { App } from "../../handlers/app";
import { runOutsideContext } from "../../observe/context";
import { deviceListsStream } from "../../streams/deviceLists";
import { eventsStream } from "../../streams/events";
import { receiptsStream } from "../../streams/receipts";
import { toDeviceStream } from "../../streams/toDevice";
import { createFeed, followPassing, noPassing } from "./feed";
import type { Passing } from "./feed";
import { createInterest } from "./interest";
import { createSenderMetrics } from "./metrics";
import { ServiceSender } from "./sender";

interface Running {
  readonly sender: ServiceSender;
  readonly passing: Passing;
}

/**
 * Sends to those application services whose duty falls to this process (`appservice_sender`, shared out by service id), as long as it
 * does. Gives the way to stop.
 */
export function startAppserviceSender(app: App): () => Promise<void> {
  const services = app.config.derived.appServices.filter(({ url }) => url !== undefined);
  if (services.length === 0) return async () => undefined;
  const running = new Map<AppService, Running>();
  const stopping = new Set<Promise<void>>();
  const news = (): void => {
    for (const { sender } of running.values()) sender.news();
  };
  const interest = createInterest(app, services);
  const feeds = {
    events: createFeed(app, eventsStream, news),
    receipts: createFeed(app, receiptsStream, news),
    toDevice: createFeed(app, toDeviceStream, news),
    deviceLists: createFeed(app, deviceListsStream, news),
  };
  const listening = (): Passing[] =>
    [...running].filter(([service, { sender }]) => service.pushEphemeral && sender.isUp).map(([, { passing }]) => passing);
  const metrics = createSenderMetrics(app.metrics);

  function begin(service: AppService): void {
    const passing = noPassing();
    const sender = new ServiceSender(app, { service, interest, feeds, passing }, metrics);
    running.set(service, { sender, passing });
    // It must outlive whatever made it begin.
    runOutsideContext(() => sender.start());
  }

  function end(service: AppService): void {
    const ended = running.get(service)?.sender.stop();
    running.delete(service);
    if (ended) stopping.add(ended.finally(() => stopping.delete(ended)));
  }

  function settle(): void {
    for (const service of services) {
      const isOurs = app.ownership.isMine("appservice_sender", service.id);
      if (isOurs && !running.has(service)) begin(service);
      if (!isOurs && running.has(service)) end(service);
    }
  }

  const retry = (service: AppService): void => running.get(service)?.sender.retry();
  app.appservices.reached.add(retry);
  const stops = [
    app.ownership.onChange(settle),
    followPassing(app, listening, news),
    interest.stop,
    feeds.events.stop,
    feeds.receipts.stop,
    feeds.toDevice.stop,
    feeds.deviceLists.stop,
  ];
  settle();
  return async () => {
    app.appservices.reached.delete(retry);
    for (const stop of stops) stop();
    for (const service of [...running.keys()]) end(service);
    await Promise.all(stopping);
  };
}
