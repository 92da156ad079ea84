import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { own } from "../../lib/json";
import { storeOlder } from "../../writers/remoteRpc";
import type { App } from "../app";
import { askEvent, askEventByTime } from "./asks";
import { fetchWhatTheyCite, isPlacedIn } from "./backfill";
import { goodPdus } from "./checkPdu";
import { askInTurn, byCount } from "./servers";

export interface EventTime {
  readonly eventId: string;
  readonly originServerTs: number;
}

const MAX_SERVERS = 4;

/**
 * The event nearest to a time, as other servers of the room know it (server-server API, `/timestamp_to_event`), where it is nearer than
 * the one that we know. It then has a place in our history too. Undefined where nobody knows better.
 */
export async function nearerEvent(
  app: App,
  room: RoomInfo,
  known: EventTime | undefined,
  { ts, direction }: { readonly ts: number; readonly direction: "f" | "b" },
): Promise<EventTime | undefined> {
  const { hosts } = await app.caches.memberships.ofRoom(room.nid);
  const others = byCount(hosts).filter((host) => host !== app.serverName);
  if (others.length === 0 || !(await mayBeBetween(app, room, known))) return undefined;
  try {
    return await askInTurn(others.slice(0, MAX_SERVERS), "find an event by its time", async (host) => {
      const eventId = own(await askEventByTime(app, host, room.roomId, ts, direction), "event_id");
      if (typeof eventId !== "string") return undefined;
      const event = await fetchPlaced(app, room, host, eventId);
      const found = event && { eventId, originServerTs: event.row.originServerTs };
      return found && (!known || Math.abs(found.originServerTs - ts) < Math.abs(known.originServerTs - ts)) ? found : undefined;
    });
  } catch (error) {
    app.log("synapse.handlers.room").info("no other server knows an event of that time", { roomId: room.roomId, error });
    return undefined;
  }
}

/** Next to a hole in our history there may be events that we have not heard of. */
async function mayBeBetween(app: App, room: RoomInfo, known: EventTime | undefined): Promise<boolean> {
  const event = known && (await app.caches.events.byId(known.eventId));
  if (!event) return true;
  const before = await app.caches.events.byIds(event.event.prevEvents);
  return event.event.prevEvents.some((id) => !isPlacedIn(room, before.get(id)));
}

async function fetchPlaced(app: App, room: RoomInfo, host: string, eventId: string): Promise<StoredEvent | undefined> {
  const known = await app.caches.events.byId(eventId);
  if (isPlacedIn(room, known)) return known;
  const pdu = await askEvent(app, host, eventId);
  const good = await goodPdus(app, room.version, room.roomId, pdu === undefined ? [] : [pdu]);
  await fetchWhatTheyCite(app, room, host, good);
  await storeOlder(app, { roomId: room.roomId, events: good.map(({ checked }) => checked) });
  const stored = await app.caches.events.byId(eventId);
  return isPlacedIn(room, stored) ? stored : undefined;
}
