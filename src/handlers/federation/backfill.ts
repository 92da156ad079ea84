import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { storeOlder, storeOutliers } from "../../writers/remoteRpc";
import type { App } from "../app";
import { askBackfill, askEventAuth } from "./asks";
import { type GoodPdu, goodPdus } from "./checkPdu";
import { askInTurn, byCount } from "./servers";

/** Events of one request; the specification leaves it to the asked how many they give. */
const MAX_EVENTS = 100;
/** Events whose predecessors are asked for at once. */
const MAX_STARTS = 10;
const MAX_SERVERS = 4;
/** Somebody waits. ms */
const TIMEOUT_MS = 15_000;
/** What nobody has is not asked for again for so long. ms */
const PATIENCE_MS = 5 * 60_000;
/** How often what the fetched events rest on is asked for. */
const MAX_AUTH_ROUNDS = 3;

/**
 * Fetches what came before events of a room that others know longer than we do (server-server API, "Backfilling and retrieving missing
 * events"). Tells whether anything came. Failures are nobody's fault: the history then begins later.
 */
export function backfillBefore(app: App, room: RoomInfo, events: readonly StoredEvent[]): Promise<boolean> {
  return app.inFlight.backfills.run(room.roomId, async () => {
    const { hosts } = await app.caches.memberships.ofRoom(room.nid);
    const others = byCount(hosts).filter((host) => host !== app.serverName);
    if (others.length === 0) return false;
    const missing = await unknownBefore(app, room, events);
    if (missing.length === 0) return false;
    try {
      return await askInTurn(others.slice(0, MAX_SERVERS), "get older events", (host) => fetchOlder(app, room, host, missing));
    } catch (error) {
      app.log("synapse.handlers.federation").info("could not get older events", { roomId: room.roomId, error });
      return false;
    }
  });
}

export const isPlacedIn = (room: RoomInfo, event: StoredEvent | undefined): boolean =>
  event?.row.roomNid === room.nid && event.row.streamOrdering !== null;

/** Ids of events that were before the given ones and have no place here; those that were asked for lately in vain are left out. */
async function unknownBefore(app: App, room: RoomInfo, events: readonly StoredEvent[]): Promise<string[]> {
  const before = [...new Set(events.flatMap(({ event }) => event.prevEvents))];
  const found = await app.caches.events.byIds(before);
  const { inVain } = app.inFlight;
  const now = app.clock.now();
  const missing = before.filter((id) => !isPlacedIn(room, found.get(id)) && now - (inVain.get(id) ?? 0) > PATIENCE_MS).slice(0, MAX_STARTS);
  for (const id of missing) inVain.set(id, now);
  return missing;
}

async function fetchOlder(app: App, room: RoomInfo, host: string, missing: readonly string[]): Promise<boolean> {
  const patience = { timeoutMs: TIMEOUT_MS, retries: "none" } as const;
  const pdus = await askBackfill(app, host, room.roomId, missing, MAX_EVENTS, patience);
  const good = await goodPdus(app, room.version, room.roomId, pdus.slice(0, MAX_EVENTS));
  if (good.length === 0) return false;
  await fetchWhatTheyCite(app, room, host, good);
  // Newest first, as positions go down.
  const sorted = [...good].sort((a, b) => b.event.depth - a.event.depth);
  await storeOlder(app, { roomId: room.roomId, events: sorted.map(({ checked }) => checked) });
  return true;
}

/** An event whose auth events are not known cannot be judged: gets their auth chains, a few at most. */
export async function fetchWhatTheyCite(app: App, room: RoomInfo, host: string, events: readonly GoodPdu[]): Promise<void> {
  const here = new Set(events.map(({ event }) => event.eventId));
  for (let round = 0; round < MAX_AUTH_ROUNDS; round++) {
    const cited = [...new Set(events.flatMap(({ event }) => event.authEvents))].filter((id) => !here.has(id));
    const known = await app.caches.events.byIds(cited);
    const wanting = events.find(({ event }) => event.authEvents.some((id) => !here.has(id) && !known.has(id)));
    if (!wanting) return;
    const chain = await goodPdus(app, room.version, room.roomId, await askEventAuth(app, host, room.roomId, wanting.event.eventId));
    const fresh: CheckedPdu[] = chain.map(({ checked }) => checked);
    await storeOutliers(app, room.roomId, room.version.id, fresh);
  }
}
