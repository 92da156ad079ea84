import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { type JsonObject, type JsonValue, isJsonObject, own } from "../../lib/json";
import type { RoomEvent } from "../../rooms/event";
import { type ReceivedPdu, readPdu } from "../../rooms/readPdu";
import { storeOutOfBand, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import { placeOf } from "../rooms/access";
import { areWeIn, isShutOut } from "./access";
import { type GoodPdu, checkSignatures } from "./checkPdu";
import { afterPolicy } from "./policyServer";
import { stagePdu } from "./staging";

/** What became of a PDU of a transaction: nothing to say, or why it was not taken. */
export type PduResult = Readonly<Record<string, never>> | { readonly error: string };

type Results = Map<string, PduResult>;

/** Takes in the PDUs of a transaction: those of one room in order, rooms side by side. By event id; PDUs without one that we can tell are dropped. */
export async function receivePdus(app: App, origin: string, pdus: readonly JsonValue[]): Promise<Record<string, PduResult>> {
  const byRoom = groupByRoom(pdus);
  const rooms = await app.caches.rooms.byIds([...byRoom.keys()]);
  const results: Results = new Map();
  const work = [...rooms.values()].map((room) => receiveInRoom(app, origin, room, byRoom.get(room.roomId) ?? [], results));
  await Promise.all(work);
  return Object.fromEntries(results);
}

function groupByRoom(pdus: readonly JsonValue[]): Map<string, JsonObject[]> {
  const byRoom = new Map<string, JsonObject[]>();
  for (const pdu of pdus) {
    const roomId = isJsonObject(pdu) ? roomIdOf(pdu) : undefined;
    if (roomId === undefined || !isJsonObject(pdu)) continue;
    const known = byRoom.get(roomId);
    if (known) known.push(pdu);
    else byRoom.set(roomId, [pdu]);
  }
  return byRoom;
}

function roomIdOf(pdu: JsonObject): string | undefined {
  const roomId = own(pdu, "room_id");
  return typeof roomId === "string" && roomId.startsWith("!") && roomId.length < 256 ? roomId : undefined;
}

async function receiveInRoom(app: App, origin: string, room: RoomInfo, pdus: readonly JsonObject[], results: Results): Promise<void> {
  const shutOut = await isShutOut(app, room, origin);
  for (const pdu of pdus) {
    const received = readPdu(room.version, pdu);
    // Without its form an event has no id to answer under.
    if ("fault" in received) continue;
    const { eventId } = received.event;
    results.set(eventId, shutOut ? { error: "Server is banned from room" } : await receiveOne(app, origin, room, received));
  }
}

async function receiveOne(app: App, origin: string, room: RoomInfo, received: ReceivedPdu): Promise<PduResult> {
  try {
    const known = await app.caches.events.byId(received.event.eventId);
    if (known && known.row.stateGroup !== null) return {};
    const check = await checkSignatures(app, received);
    if ("fault" in check) return { error: check.fault.message };
    return (await areWeIn(app, room)) ? await store(app, origin, room, check) : await rescind(app, room, check);
  } catch (error) {
    if (error instanceof MatrixError && error.status < 500) return { error: error.message };
    app.log("synapse.federation.federation_server").error("an event could not be taken in", { origin, roomId: room.roomId, error });
    return { error: "Internal error" };
  }
}

/** Rejected and soft-failed events are stored as such, and that is all the other server needs to know. */
async function store(app: App, origin: string, room: RoomInfo, pdu: GoodPdu): Promise<PduResult> {
  const { checked, suspect } = await afterPolicy(app, room, pdu);
  const outcome = await storeRemoteEvent(app, room.roomId, checked, { suspect });
  if (outcome.kind !== "missing" || (await stagePdu(app, origin, room, pdu))) return {};
  return { error: "Too many events of this room wait for what they rest on" };
}

/**
 * Of a room that we are not in one thing concerns us: that an invitation is taken back, or a knock turned down. The leave cites the member
 * event that it ends, which nobody outside of the room knows.
 */
async function rescind(app: App, room: RoomInfo, { event, checked }: GoodPdu): Promise<PduResult> {
  if (!endsMembership(event)) return {};
  const place = await placeOf(app, event.stateKey, room);
  if (place?.membership !== "invite" && place?.membership !== "knock") return {};
  const ended = (await app.caches.events.byNids([place.eventNid])).get(place.eventNid);
  if (!ended || !event.authEvents.includes(ended.row.eventId)) return {};
  await storeOutOfBand(app, { roomId: room.roomId, version: room.version.id, event: checked, strippedState: [] });
  return {};
}

function endsMembership(event: RoomEvent): event is RoomEvent & { readonly stateKey: string } {
  const membership = own(event.content, "membership");
  return event.type === "m.room.member" && event.stateKey !== undefined && (membership === "leave" || membership === "ban");
}
