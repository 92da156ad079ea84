import { forbidden, invalidParam } from "../errors";
import type { EventReader } from "../caches/events";
import { isJsonObject, own } from "../lib/json";
import type { JsonValue } from "../lib/json";
import { JsonText } from "../lib/jsonText";
import { fitsId } from "../rooms/ids";
import type { Receipt } from "../storage/receipts";
import { receiptsOfRooms } from "../storage/receipts";
import { changeAccountData } from "../writers/accountData";
import { sendReceipt } from "../writers/receipts";
import { checkRoomId } from "./accountData";
import type { App } from "./app";
import { isShutOut } from "./federation/access";
import type { Requester } from "./requester";
import { findRoom, isJoined } from "./rooms/access";

export interface ReceiptRequest {
  readonly roomId: string;
  readonly receiptType: string;
  readonly eventId: string;
  /** "main" or the event id of a thread's root; absent: unthreaded. Whatever a client sent. */
  readonly threadId?: JsonValue | undefined;
}

type ReceiptApp = Pick<App, "caches" | "clock" | "rpc" | "userData">;

const MAIN = "main";

/** Marks a room as read up to an event (client-server API, "Receipts"). One that is behind an earlier one changes nothing. */
export async function setReceipt(app: ReceiptApp, requester: Requester, request: ReceiptRequest): Promise<void> {
  const { roomId, receiptType, eventId, threadId } = request;
  if (receiptType !== "m.read" && receiptType !== "m.read.private" && receiptType !== "m.fully_read") {
    throw invalidParam("Receipt type must be 'm.read', 'm.read.private' or 'm.fully_read'.");
  }
  checkEventId(eventId);
  const thread = threadId === undefined ? undefined : await checkThread(app.caches.events, request, threadId);
  app.userData.presenceReporter.active(requester.userId, requester.deviceId);
  if (receiptType === "m.fully_read") return moveReadMarker(app, requester, roomId, eventId);
  await requireMember(app, requester, roomId, receiptType);
  const data = JSON.stringify({ ts: app.clock.now(), thread_id: thread });
  await app.rpc.call(sendReceipt, { roomId, userId: requester.userId, receiptType, threadId: thread ?? "", eventId, data });
}

/** Moves the user's m.fully_read marker on; where it already is further, nothing happens. */
async function moveReadMarker(app: Pick<App, "rpc">, requester: Requester, roomId: string, eventId: string): Promise<void> {
  checkRoomId(roomId);
  await app.rpc.call(changeAccountData, { kind: "marker", userId: requester.userId, roomId, eventId });
}

function checkEventId(eventId: string): void {
  if (!eventId.startsWith("$") || !fitsId(eventId)) throw invalidParam("A valid event ID must be specified");
}

/** Who is not in a room has nothing to show to those who are; what only they see themselves is theirs to keep. */
async function requireMember(app: Pick<App, "caches">, requester: Requester, roomId: string, receiptType: string): Promise<void> {
  checkRoomId(roomId);
  const room = await findRoom(app, roomId);
  if (!room) throw forbidden("You are not in this room");
  if (receiptType === "m.read" && !(await isJoined(app, requester.userId, room))) throw forbidden("You are not in this room");
}

async function checkThread(events: EventReader, { receiptType, eventId }: ReceiptRequest, threadId: JsonValue): Promise<string> {
  if (receiptType === "m.fully_read") throw invalidParam("thread_id is not compatible with m.fully_read receipts.");
  if (typeof threadId !== "string" || threadId === "" || !fitsId(threadId))
    throw invalidParam("thread_id field must be a non-empty string");
  // A root is in its thread as well as in the main timeline.
  if (threadId === eventId || (await threadOf(events, eventId)) === threadId) return threadId;
  throw invalidParam(`event_id ${eventId} is not related to thread ${threadId}`);
}

/** Relations are followed so far to find the thread of an event (client-server API, "Threaded read receipts"). */
const MAX_HOPS = 3;

/** The thread in which an event is: the id of its root, or "main". */
export async function threadOf(events: Pick<EventReader, "byId">, eventId: string): Promise<string> {
  let id = eventId;
  for (let hops = 0; hops <= MAX_HOPS; hops++) {
    const event = await events.byId(id);
    const relation: JsonValue | undefined = event && own(event.shown.content, "m.relates_to");
    if (!isJsonObject(relation)) return MAIN;
    const target = own(relation, "event_id");
    const relType = own(relation, "rel_type");
    if (typeof target !== "string" || typeof relType !== "string") return MAIN;
    if (relType === "m.thread") return target;
    id = target;
  }
  return MAIN;
}

export interface ReceiptRange {
  readonly roomIds: readonly string[];
  /** 0 for all receipts: a first sync, or rooms that are new to the client. */
  readonly from: number;
  readonly to: number;
  /** Who asks: others' private receipts are left out. */
  readonly userId: string;
}

/** For /sync: the content of m.receipt for each room with receipts at from < position <= to. Out of memory where that reaches back. */
export async function receiptsSince(app: Pick<App, "db" | "userData">, range: ReceiptRange): Promise<Map<string, JsonText>> {
  const { roomIds, from, to, userId } = range;
  const out = new Map<string, JsonText>();
  if (from >= to || roomIds.length === 0) return out;
  const unknown: string[] = [];
  for (const roomId of roomIds) {
    const rows = app.userData.receipts.between(roomId, from, to);
    if (!rows) unknown.push(roomId);
    else if (rows.length > 0)
      addContent(
        out,
        roomId,
        rows.filter((row) => row.receiptType !== "m.read.private" || row.userId === userId),
      );
  }
  if (unknown.length === 0) return out;
  const byRoom = new Map<string, Receipt[]>();
  for (const row of await receiptsOfRooms(app.db, unknown, from, to, userId)) {
    const rows = byRoom.get(row.roomId);
    if (rows) rows.push(row);
    else byRoom.set(row.roomId, [row]);
  }
  for (const [roomId, rows] of byRoom) addContent(out, roomId, rows);
  return out;
}

/** Those of the rooms in which the user has read on, by whatever device, at from < position <= to. */
export async function roomsReadOn(app: Pick<App, "db" | "userData">, { roomIds, from, to, userId }: ReceiptRange): Promise<Set<string>> {
  if (from >= to) return new Set();
  const rows = roomIds.map((roomId) => app.userData.receipts.between(roomId, from, to));
  const unknown = roomIds.filter((_, i) => rows[i] === undefined);
  const stored = unknown.length > 0 ? await receiptsOfRooms(app.db, unknown, from, to, userId) : [];
  return new Set([...rows.flatMap((found) => found ?? []), ...stored].filter((row) => row.userId === userId).map(({ roomId }) => roomId));
}

function addContent(out: Map<string, JsonText>, roomId: string, receipts: readonly Receipt[]): void {
  if (receipts.length > 0) out.set(roomId, receiptContent(receipts));
}

/** The content of m.receipt for receipts in stream order; of several of one user, type and thread the last counts. */
export function receiptContent(receipts: readonly Receipt[]): JsonText {
  const latest = new Map<string, Receipt>();
  for (const receipt of receipts) latest.set(`${receipt.userId} ${receipt.receiptType} ${receipt.threadId}`, receipt);
  const events = new Map<string, Map<string, Map<string, Receipt>>>();
  for (const receipt of latest.values()) {
    const users = child(child(events, receipt.eventId), receipt.receiptType);
    // On one event a user has place for one receipt of a type: the unthreaded one says more.
    if (users.get(receipt.userId)?.threadId !== "") users.set(receipt.userId, receipt);
  }
  return new JsonText(objectText(events, (types) => objectText(types, (users) => objectText(users, (receipt) => receipt.data))));
}

function child<V>(parent: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = parent.get(key) ?? new Map<string, V>();
  parent.set(key, known);
  return known;
}

function objectText<V>(map: ReadonlyMap<string, V>, text: (value: V) => string): string {
  return `{${Array.from(map, ([key, value]) => `${JSON.stringify(key)}:${text(value)}`).join(",")}}`;
}

/** What another server says its users have read: the content of an m.receipt EDU, by room, type and user. Nonsense is left out. */
export async function receiveReceipts(app: Pick<App, "caches" | "rpc" | "serverName">, origin: string, content: JsonValue): Promise<void> {
  const receipts: Receipt[] = [];
  for (const [roomId, types] of entries(content)) {
    const room = roomId.startsWith("!") && fitsId(roomId) ? await app.caches.rooms.byId(roomId) : undefined;
    const members = room && (await app.caches.memberships.ofRoom(room.nid));
    if (!room || !members?.hosts.has(origin) || members.local.size === 0 || (await isShutOut(app, room, origin))) continue;
    for (const [userId, value] of entries(isJsonObject(types) ? own(types, "m.read") : undefined)) {
      const receipt = isJsonObject(value) ? remoteReceipt(roomId, userId, value) : undefined;
      if (receipt && userId.endsWith(`:${origin}`) && fitsId(userId)) receipts.push(receipt);
    }
  }
  await Promise.all(receipts.map((receipt) => app.rpc.call(sendReceipt, receipt)));
}

const entries = (value: JsonValue | undefined): [string, JsonValue | undefined][] => (isJsonObject(value) ? Object.entries(value) : []);

function remoteReceipt(roomId: string, userId: string, value: Record<string, JsonValue | undefined>): Receipt | undefined {
  const ids = own(value, "event_ids");
  const eventId = Array.isArray(ids) ? ids[0] : undefined;
  const data = own(value, "data");
  if (typeof eventId !== "string" || !eventId.startsWith("$") || !fitsId(eventId)) return undefined;
  const ts = isJsonObject(data) ? own(data, "ts") : undefined;
  const threadId = isJsonObject(data) ? own(data, "thread_id") : undefined;
  const thread = typeof threadId === "string" && threadId !== "" && fitsId(threadId) ? threadId : undefined;
  const text = JSON.stringify({ ts: typeof ts === "number" ? ts : undefined, thread_id: thread });
  return { roomId, userId, receiptType: "m.read", threadId: thread ?? "", eventId, data: text };
}
