import type { StoredEvent } from "../../caches/events";
import type { App } from "../app";

/** More than any real room has. */
const MAX_CHAIN = 100_000;

/**
 * The auth chain of some events: all that they rest on, not the events themselves unless one rests on another. Level by level, each in one
 * query. By depth, so that each event comes after those that it rests on: who takes them in one by one has the newest of each kind in the end.
 */
export async function authChainOf(app: Pick<App, "caches">, events: readonly StoredEvent[]): Promise<StoredEvent[]> {
  const chain = new Map<string, StoredEvent>();
  const asked = new Set<string>();
  for (let level = events; level.length > 0 && chain.size < MAX_CHAIN;) {
    const wanted = new Set(level.flatMap(({ event }) => event.authEvents).filter((id) => !asked.has(id)));
    for (const id of wanted) asked.add(id);
    const found = await app.caches.events.byIds([...wanted]);
    for (const [id, event] of found) chain.set(id, event);
    level = [...found.values()];
  }
  return [...chain.values()].sort((a, b) => a.row.depth - b.row.depth);
}
