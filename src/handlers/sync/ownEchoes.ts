import { setTimeout as sleep } from "node:timers/promises";
import type { UserRoom } from "../../caches/memberships";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import type { Requester } from "../requester";

/** How long a device waits for its own news: requests are answered within it, unless everything is slow. */
const HOLD_MS = 50;
/** Whoever sent something so long ago had the answer. */
const RECENT_MS = 5_000;

/**
 * Where several processes serve clients, lets the answer to whoever sent an event go before the sync in which the same device hears of it.
 * matrix-js-sdk takes a message in a thread for one that failed when they come the other way round.
 */
export async function holdOwnEchoes(
  app: Pick<App, "caches" | "clock" | "freshness" | "streams">,
  requester: Requester,
  since: number,
): Promise<void> {
  if (!app.freshness || app.streams.position(eventsStream) <= since) return;
  const places = await app.caches.memberships.ofUser(requester.userId);
  if (hasOwnEcho(app, requester, places, since)) await sleep(HOLD_MS);
}

/** Only memory is asked. Where it does not reach back so far, what is there is not new. */
function hasOwnEcho(
  { caches, clock }: Pick<App, "caches" | "clock">,
  { userId, deviceId = "" }: Requester,
  places: ReadonlyMap<number, UserRoom>,
  since: number,
): boolean {
  const isOwn = (nid: number): boolean => {
    const row = caches.events.cached(nid)?.row;
    if (!row) return true;
    return row.txnId !== null && row.txnDevice === deviceId && clock.now() - row.receivedTs < RECENT_MS;
  };
  for (const { roomNid } of places.values()) {
    if (caches.tails.changedSince(roomNid, since) !== true) continue;
    const entries = caches.tails.between(roomNid, since, Infinity) ?? [];
    if (entries.some(({ sender, nid }) => sender === userId && isOwn(nid))) return true;
  }
  return false;
}
