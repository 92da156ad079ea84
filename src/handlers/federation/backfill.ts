import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { historyForwards } from "../../storage/events";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { followed } from "../../writers/remote/remoteStore";
import { type ForeignState, storeOlder, storeOutliers } from "../../writers/remoteRpc";
import type { App } from "../app";
import { askBackfill, askEventAuth } from "./asks";
import { type GoodPdu, goodPdus } from "./checkPdu";
import { fetchStateBefore } from "./gaps";
import { byCount, isSilence } from "./servers";

/** Events of one request; the specification leaves it to the asked how many they give. */
const MAX_EVENTS = 100;
/** Events whose predecessors are asked for at once. */
const MAX_STARTS = 10;
const MAX_SERVERS = 4;
/** Events before the fetched ones at which the state is asked for. */
const MAX_EDGE = 10;
/** Somebody waits. ms */
const TIMEOUT_MS = 15_000;
/** What nobody has is not asked for again for so long. ms */
const PATIENCE_MS = 60_000;
/** How often what the fetched events rest on is asked for. */
const MAX_AUTH_ROUNDS = 3;

/**
 * Fetches what came before events of a room and has no place here, from one server after another (server-server API, "Backfilling and
 * retrieving missing events"). Tells whether anything came. Failures are nobody's fault: the history then begins later, or has a gap.
 */
export function backfillBefore(app: App, room: RoomInfo, events: readonly StoredEvent[]): Promise<boolean> {
  return app.inFlight.backfills.run(room.roomId, async () => {
    const { hosts } = await app.caches.memberships.ofRoom(room.nid);
    const others = byCount(hosts).filter((host) => host !== app.serverName);
    if (others.length === 0) return false;
    const missing = await unknownBefore(app, room, events);
    let left = missing;
    let silent = false;
    for (const host of others.slice(0, MAX_SERVERS)) {
      if (left.length === 0) break;
      try {
        await fetchOlder(app, room, host, left);
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error;
        silent ||= isSilence(error);
        app.log("synapse.handlers.federation").info("could not get older events", { roomId: room.roomId, error });
      }
      left = await unplaced(app, room, left);
    }
    // Whoever could not be reached may have them.
    if (!silent) for (const id of left) app.inFlight.inVain.set(id, app.clock.now());
    return left.length < missing.length;
  });
}

export const isPlacedIn = (room: RoomInfo, event: StoredEvent | undefined): boolean =>
  event?.row.roomNid === room.nid && event.row.streamOrdering !== null;

/**
 * Ids of events that were before the given ones and have no place here; those that were asked for lately in vain are left out. Refused
 * events are walked back over: nobody reads them, so that what is missing before them would never be looked for.
 */
async function unknownBefore(app: App, room: RoomInfo, events: readonly StoredEvent[]): Promise<string[]> {
  const ids = [...new Set(events.flatMap(({ event }) => event.prevEvents))];
  const before = new Set([...ids, ...(await followed(app.caches, room, await app.caches.events.byIds(ids)))]);
  const now = app.clock.now();
  const missing = await unplaced(app, room, [...before]);
  return missing.filter((id) => now - (app.inFlight.inVain.get(id) ?? 0) > PATIENCE_MS).slice(0, MAX_STARTS);
}

/** Those of the events that have no place here. Refused ones never get one. */
async function unplaced(app: App, room: RoomInfo, eventIds: readonly string[]): Promise<string[]> {
  const found = await app.caches.events.byIds(eventIds);
  return eventIds.filter((id) => !isPlacedIn(room, found.get(id)) && (found.get(id)?.row.rejected ?? null) === null);
}

async function fetchOlder(app: App, room: RoomInfo, host: string, missing: readonly string[]): Promise<void> {
  const patience = { timeoutMs: TIMEOUT_MS, retries: "none" } as const;
  const pdus = await askBackfill(app, host, room.roomId, missing, MAX_EVENTS, patience);
  const good = await goodPdus(app, room.version, room.roomId, pdus.slice(0, MAX_EVENTS));
  if (good.length === 0) return;
  await fetchWhatTheyCite(app, room, host, good);
  // Newest first, as positions go down.
  const sorted = [...good].sort((a, b) => b.event.depth - a.event.depth);
  const foreign = await statesAtEdge(app, room, host, sorted);
  await storeOlder(app, { roomId: room.roomId, events: sorted.map(({ checked }) => checked), foreign });
}

/**
 * In a gap of our history, the states at the events before the fetched ones, as the other server names them: theirs follow from that.
 * Before our first event nothing is asked for: states of big rooms are big.
 */
async function statesAtEdge(app: App, room: RoomInfo, host: string, events: readonly GoodPdu[]): Promise<ForeignState[]> {
  const here = new Set(events.map(({ event }) => event.eventId));
  const before = [...new Set(events.flatMap(({ event }) => event.prevEvents))].filter((id) => !here.has(id));
  const found = await app.caches.events.byIds(before);
  const edge = before.filter((id) => !isPlacedIn(room, found.get(id)) || (found.get(id)?.row.streamOrdering ?? 0) < 0);
  const [oldest] = await historyForwards(app.db, room.nid, { depth: -1, streamOrdering: 0 }, undefined, 1);
  if (edge.length === 0 || !oldest || events.every(({ event }) => event.depth <= oldest.depth)) return [];
  const states: ForeignState[] = [];
  for (const eventId of edge.slice(0, MAX_EDGE)) {
    try {
      states.push(await fetchStateBefore(app, { room, origin: host }, eventId));
    } catch (error) {
      // Whoever could not be reached may tell later, and what follows it has no place until then.
      if (isSilence(error)) throw error;
      // What follows it is shown by the state that held before our first event.
      app.log("synapse.handlers.federation").info("could not get the state in a gap", { roomId: room.roomId, eventId, error });
    }
  }
  return states;
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
