import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { type JsonObject, type JsonValue, isJsonObject, own } from "../../lib/json";
import type { RoomEvent } from "../../rooms/event";
import { type ReceivedPdu, readPdu } from "../../rooms/readPdu";
import { type TransactionOutcome, storeOutOfBand, storeTransactionEvents } from "../../writers/remoteRpc";
import type { App } from "../app";
import { placeOf } from "../rooms/access";
import { areWeIn, isShutOut } from "./access";
import { type GoodPdu, checkAllSignatures } from "./checkPdu";
import { willPass } from "./outage";
import { allAfterPolicy } from "./policyServer";
import { stagePdu } from "./staging";

/** What became of a PDU of a transaction: nothing to say, or why it was not taken. */
export type PduResult = Readonly<Record<string, never>> | { readonly error: string };

type Results = Map<string, PduResult>;

const TOO_MANY = "Too many events of this room wait for what they rest on";

/**
 * Takes in the PDUs of a transaction: those of one room in order, rooms side by side. By event id; PDUs without one that we can tell are
 * dropped. Throws what makes it worthwhile to send all of them again.
 */
export async function receivePdus(app: App, origin: string, pdus: readonly JsonValue[]): Promise<Record<string, PduResult>> {
  const byRoom = groupByRoom(pdus);
  const rooms = await app.caches.rooms.byIds([...byRoom.keys()]);
  const received = new Map([...rooms.values()].map((room) => [room, formsOf(room, byRoom.get(room.roomId) ?? [])]));
  const known = await app.caches.events.byIds([...received.values()].flatMap((forms) => [...forms.keys()]));
  const results: Results = new Map();
  const work = [...received].map(async ([room, forms]) => {
    for (const id of forms.keys()) results.set(id, {});
    for (const [id, result] of await receiveInRoom(app, origin, room, [...forms.values()], known)) results.set(id, result);
  });
  await Promise.all(work);
  return Object.fromEntries(results);
}

/** Those that have the form of an event, by id: without it an event has no id to answer under. */
function formsOf(room: RoomInfo, pdus: readonly JsonObject[]): Map<string, ReceivedPdu> {
  const forms = new Map<string, ReceivedPdu>();
  for (const pdu of pdus) {
    const received = readPdu(room.version, pdu);
    if (!("fault" in received)) forms.set(received.event.eventId, received);
  }
  return forms;
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

interface Checked {
  readonly results: Results;
  readonly good: readonly GoodPdu[];
}

/** What there is to say of events; those that were taken are left out. Throws where they could neither be stored nor kept for later. */
async function receiveInRoom(
  app: App,
  origin: string,
  room: RoomInfo,
  pdus: readonly ReceivedPdu[],
  known: ReadonlyMap<string, StoredEvent>,
): Promise<Results> {
  const { results, good } = await checkInRoom(app, origin, room, pdus, known);
  if (good.length === 0) return results;
  const took = (await areWeIn(app, room)) ? await store(app, origin, room, good) : await rescindAll(app, room, good);
  return new Map([...results, ...took]);
}

async function checkInRoom(
  app: App,
  origin: string,
  room: RoomInfo,
  pdus: readonly ReceivedPdu[],
  known: ReadonlyMap<string, StoredEvent>,
): Promise<Checked> {
  const results: Results = new Map();
  try {
    if (await isShutOut(app, room, origin)) return { results: allOf(pdus, "Server is banned from room"), good: [] };
    // What has a place in the room already is not looked at again.
    const fresh = pdus.filter(({ event }) => typeof known.get(event.eventId)?.row.stateGroup !== "number");
    const good: GoodPdu[] = [];
    for (const check of await checkAllSignatures(app, fresh)) {
      if ("fault" in check) results.set(check.eventId, { error: check.fault.message });
      else good.push(check);
    }
    return { results, good };
  } catch (error) {
    if (willPass(error)) throw error;
    app.log("synapse.federation.federation_server").error("events could not be checked", { origin, roomId: room.roomId, error });
    return { results: allOf(pdus, error instanceof MatrixError && error.status < 500 ? error.message : "Internal error"), good: [] };
  }
}

const allOf = (pdus: readonly ReceivedPdu[], error: string): Results => new Map(pdus.map(({ event }) => [event.eventId, { error }]));

/**
 * Rejected and soft-failed events are stored as such, and that is all the other server needs to know. Few servers send again what they are
 * told that it failed, so what cannot be stored now is kept to be tried later.
 */
async function store(app: App, origin: string, room: RoomInfo, pdus: readonly GoodPdu[]): Promise<Results> {
  const results: Results = new Map();
  const outcomes = await outcomesOf(app, origin, room, pdus);
  for (const [n, pdu] of pdus.entries()) {
    const outcome = outcomes?.[n];
    if (outcome?.kind === "failed") logFailure(app, origin, room, outcome.reason);
    const waits = !outcome || outcome.kind === "missing" || outcome.kind === "failed";
    if (waits && !(await stagePdu(app, origin, room, pdu))) results.set(pdu.event.eventId, { error: TOO_MANY });
  }
  return results;
}

/** Undefined where nothing is known of what became of them: the room's owner could not be asked. */
async function outcomesOf(
  app: App,
  origin: string,
  room: RoomInfo,
  pdus: readonly GoodPdu[],
): Promise<readonly TransactionOutcome[] | undefined> {
  try {
    const judged = await allAfterPolicy(app, room, pdus);
    const events = judged.map(({ checked, suspect }) => ({ event: checked, suspect }));
    return await storeTransactionEvents(app, { roomId: room.roomId, events });
  } catch (error) {
    logFailure(app, origin, room, error);
    return undefined;
  }
}

function logFailure(app: App, origin: string, { roomId }: RoomInfo, error: unknown): void {
  app.log("synapse.federation.federation_server").error("events could not be stored, and wait", { origin, roomId, error });
}

async function rescindAll(app: App, room: RoomInfo, pdus: readonly GoodPdu[]): Promise<Results> {
  for (const pdu of pdus) await rescind(app, room, pdu);
  return new Map();
}

/**
 * Of a room that we are not in one thing concerns us: that an invitation is taken back, or a knock turned down. The leave cites the member
 * event that it ends, which nobody outside of the room knows.
 */
async function rescind(app: App, room: RoomInfo, { event, checked }: GoodPdu): Promise<void> {
  if (!endsMembership(event)) return;
  const place = await placeOf(app, event.stateKey, room);
  if (place?.membership !== "invite" && place?.membership !== "knock") return;
  const ended = (await app.caches.events.byNids([place.eventNid])).get(place.eventNid);
  if (!ended || !event.authEvents.includes(ended.row.eventId)) return;
  await storeOutOfBand(app, { roomId: room.roomId, version: room.version.id, event: checked, strippedState: [] });
}

function endsMembership(event: RoomEvent): event is RoomEvent & { readonly stateKey: string } {
  const membership = own(event.content, "membership");
  return event.type === "m.room.member" && event.stateKey !== undefined && (membership === "leave" || membership === "ban");
}
