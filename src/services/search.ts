import type { App } from "../handlers/app";
import { concernsSearch, indexEvents } from "../handlers/search/indexing";
import { eventsStream } from "../streams/events";
import { startConsumer } from "./consumer";

/** Indexes messages behind the events stream, from the first one on. Gives the way to stop. */
export function startSearchIndex(app: App): () => Promise<void> {
  return startConsumer(app, {
    name: "event_search",
    duty: "background",
    stream: eventsStream,
    concerns: concernsSearch,
    handle: (rows) => indexEvents(app, rows),
  });
}
