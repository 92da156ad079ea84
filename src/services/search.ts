import type { App } from "../handlers/app";
import { concernsSearch, indexEvents } from "../handlers/search/indexing";
import { eventsStream } from "../streams/events";
import type { SearchIndex } from "../writers/searchIndexRpc";
import { startConsumer } from "./consumer";
import type { RunningConsumer } from "./consumer";

/** Each time that the index is written costs a commit: one for the messages of so long. Who searches waits for it no longer than REACH_MS. */
const REST_MS = 1_000;
const REACH_MS = 1_000;

/** Indexes messages behind the events stream, from the first one on. */
export function createSearchIndex(getApp: () => App): SearchIndex {
  let consumer: RunningConsumer | undefined;
  return {
    reach: async () => void (await consumer?.reach(REACH_MS)),
    start() {
      const app = getApp();
      consumer = startConsumer(app, {
        name: "event_search",
        duty: "background",
        stream: eventsStream,
        concerns: concernsSearch,
        handle: (rows) => indexEvents(app, rows),
        restMs: REST_MS,
      });
    },
    stop: async () => consumer?.stop(),
  };
}
