import type { RoomInfo } from "../../caches/rooms";
import type { JsonValue } from "../../lib/json";
import { createLimiter } from "../../lib/limiter";
import { eventIdsOfRoom, historyForwards } from "../../storage/events";
import { getTips } from "../../storage/rooms";
import { type ForeignState, storeOutliers } from "../../writers/remoteRpc";
import type { App } from "../app";
import { createEventSink } from "./eventSink";
import { askEvent, askEventAuth, askMissingEvents, askState, askStateIds } from "./asks";
import { type GoodPdu, goodPdus } from "./checkPdu";
import { isSilence } from "./servers";

/** Events asked for by get_missing_events; larger gaps are bridged by asking for the state. */
const MAX_MISSING = 10;
/** From so many unknown events of a state on, all of it is asked for at once. */
const MANY_UNKNOWN = 50;
const PARALLEL_FETCHES = 10;

/** Where a room of ours is to be completed from: the server that sent what does not fit. */
export interface Source {
  readonly room: RoomInfo;
  readonly origin: string;
}

/** What lies between our newest events and the given one, as the other server has it, oldest first (server-server API, `/get_missing_events`). */
export async function missingBefore(app: App, { room, origin }: Source, { event }: GoodPdu): Promise<GoodPdu[]> {
  const [[tip], [oldest]] = await Promise.all([
    getTips(app.db, [room.nid]),
    historyForwards(app.db, room.nid, { depth: -1, streamOrdering: 0 }, undefined, 1),
  ]);
  const newest = await app.caches.events.byNids(tip?.extremities ?? []);
  const earliest = [...newest.values()].map(({ row }) => row.eventId);
  const gap = { earliest, latest: [event.eventId], limit: MAX_MISSING, minDepth: oldest?.depth ?? 0 };
  const found = await goodPdus(app, room.version, room.roomId, await askMissingEvents(app, origin, room.roomId, gap));
  return found.sort((a, b) => a.event.depth - b.event.depth);
}

/** Stores the auth chain of an event (server-server API, `/event_auth`). */
export async function fetchAuthOf(app: App, { room, origin }: Source, eventId: string): Promise<void> {
  const chain = await goodPdus(app, room.version, room.roomId, await askEventAuth(app, origin, room.roomId, eventId));
  await storeOutliers(
    app,
    room.roomId,
    room.version.id,
    chain.map(({ checked }) => checked),
  );
}

/**
 * The state before an event that lies behind a gap too large to fill, as the other server names it (server-server API, `/state_ids`).
 * What of it was not known is stored, the event itself too.
 */
export async function fetchStateBefore(app: App, source: Source, eventId: string): Promise<ForeignState> {
  const { room, origin } = source;
  const ids = await askStateIds(app, origin, room.roomId, eventId);
  const named = [...new Set([eventId, ...ids.state, ...ids.authChain])];
  const known = new Set(await eventIdsOfRoom(app.db, room.nid, named));
  const unknown = named.filter((id) => !known.has(id));
  if (unknown.length > 0) await fetchUnknown(app, source, eventId, { known, unknown });
  return { eventId, state: ids.state };
}

/** Stores what is not known of the event, its state and auth chain. What the other server does not have either is left out. */
async function fetchUnknown(
  app: App,
  { room: { roomId, version }, origin }: Source,
  eventId: string,
  { known, unknown }: { readonly known: ReadonlySet<string>; readonly unknown: readonly string[] },
): Promise<void> {
  const events = createEventSink(app, { roomId, version, arrays: ["pdus", "auth_chain"], known });
  const isMany = unknown.length > MANY_UNKNOWN;
  await events.fill(async () => {
    const alone = isMany ? unknown.filter((id) => id === eventId) : unknown;
    const pdus = await fetchEvents(app, origin, alone);
    await events.take(
      "pdus",
      pdus.filter((pdu) => pdu !== undefined),
    );
    if (isMany) await askState(app, origin, roomId, eventId, events);
  });
}

function fetchEvents(app: App, origin: string, ids: readonly string[]): Promise<(JsonValue | undefined)[]> {
  const limiter = createLimiter(PARALLEL_FETCHES, ids.length);
  return Promise.all(ids.map((id) => limiter.run(() => fetchEvent(app, origin, id))));
}

async function fetchEvent(app: App, origin: string, id: string): Promise<JsonValue | undefined> {
  try {
    return await askEvent(app, origin, id);
  } catch (error) {
    // Who was cut off in between has said nothing of it: without it the state would be another one than the server's.
    if (isSilence(error)) throw error;
    // Others may do without it; the event that rests on it will be found wanting.
    return undefined;
  }
}
