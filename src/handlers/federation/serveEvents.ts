import type { StoredEvent } from "../../caches/events";
import { forbidden, notFound } from "../../errors";
import type { JsonText } from "../../lib/jsonText";
import { historyVisibilityOf } from "../../rooms/visibility";
import { nearestEventByTime } from "../../storage/events";
import type { App } from "../app";
import { currentEvent } from "../rooms/access";
import { requireFullState, requireNotShutOut, requireSharedRoom } from "./access";
import { authChainOf } from "./authChain";
import { pdusFor, statePdus } from "./serverVisibility";
import { stateBefore } from "./stateBefore";

/** PDUs as transactions and their like carry them. */
export interface PduList {
  readonly origin: string;
  readonly origin_server_ts: number;
  readonly pdus: readonly JsonText[];
}

export const pduList = (app: Pick<App, "clock" | "serverName">, pdus: readonly JsonText[]): PduList => ({
  origin: app.serverName,
  origin_server_ts: app.clock.now(),
  pdus,
});

/** `GET /event/{eventId}`: for servers in the room, and for all where its history is world readable. */
export async function serveEvent(app: App, origin: string, eventId: string): Promise<PduList> {
  const event = await app.caches.events.byId(eventId);
  if (!event || event.row.rejected !== null) throw notFound("Could not find event");
  await requireNotShutOut(app, event.room, origin);
  await requireFullState(app, event.room);
  const { hosts } = await app.caches.memberships.ofRoom(event.room.nid);
  if (!hosts.has(origin)) {
    const visibility = await currentEvent(app, event.room, "m.room.history_visibility");
    if (historyVisibilityOf(visibility?.shown) !== "world_readable") throw forbidden("Host not in room.");
  }
  return pduList(app, await pdusFor(app, origin, event.room, [event]));
}

interface StateAt {
  readonly state: readonly StoredEvent[];
  readonly authChain: readonly StoredEvent[];
}

/** The state before an event that has a place in the room's history. */
async function stateAt(app: App, origin: string, roomId: string, eventId: string): Promise<StateAt> {
  const room = await requireSharedRoom(app, origin, roomId);
  const event = await app.caches.events.byId(eventId);
  if (!event || event.row.roomNid !== room.nid || event.row.rejected !== null || event.row.stateGroup === null) {
    throw notFound(`State not known at event ${eventId}`);
  }
  const state = await app.caches.roomState.events(await stateBefore(app, event));
  return { state, authChain: await authChainOf(app, state) };
}

/** `GET /state/{roomId}`. */
export async function serveState(app: App, origin: string, roomId: string, eventId: string) {
  const { state, authChain } = await stateAt(app, origin, roomId, eventId);
  return { pdus: await statePdus(app, state), auth_chain: await statePdus(app, authChain) };
}

/** `GET /state_ids/{roomId}`. */
export async function serveStateIds(app: App, origin: string, roomId: string, eventId: string) {
  const { state, authChain } = await stateAt(app, origin, roomId, eventId);
  const ids = (events: readonly StoredEvent[]): string[] => events.map(({ row }) => row.eventId);
  return { pdu_ids: ids(state), auth_chain_ids: ids(authChain) };
}

/** `GET /event_auth/{roomId}/{eventId}`. */
export async function serveEventAuth(app: App, origin: string, roomId: string, eventId: string) {
  const room = await requireSharedRoom(app, origin, roomId);
  const event = await app.caches.events.byId(eventId);
  if (!event || event.row.roomNid !== room.nid) throw notFound("Could not find event");
  return { auth_chain: await statePdus(app, await authChainOf(app, [event])) };
}

/** `GET /timestamp_to_event/{roomId}`. */
export async function serveEventByTime(app: App, origin: string, roomId: string, ts: number, direction: "f" | "b") {
  const room = await requireSharedRoom(app, origin, roomId);
  const found = await nearestEventByTime(app.db, room.nid, ts, direction);
  if (!found) throw notFound(`Unable to find event from ${ts} in direction ${direction}`);
  return { event_id: found.eventId, origin_server_ts: found.originServerTs };
}
