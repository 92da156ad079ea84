import { createHash } from "node:crypto";
import { badJson, invalidParam, tooLarge } from "../errors";
import { isJsonObject, own } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import { JsonText } from "../lib/jsonText";
import { domainOf, fitsId, isUserId } from "../rooms/ids";
import { deleteToDeviceUpTo, toDeviceMessages } from "../storage/toDevice";
import type { ToDeviceRequest } from "../storage/toDevice";
import { queueToDevice } from "../writers/toDevice";
import type { App } from "./app";
import type { Requester } from "./requester";

/** Each message of its own, as in a transaction of another server. */
const MAX_CONTENT_BYTES = 65_536;
const MAX_DEVICE_ID = 512;
const MAX_TXN_KEY = 200;
/** Messages of one /sync, unless the client wants fewer. */
const MAX_MESSAGES = 100;

export interface ToDeviceSend {
  readonly eventType: string;
  readonly txnId: string;
  /** User id -> device id, or `*` for all devices -> content. */
  readonly messages: JsonObject;
}

/** Sends messages to devices (client-server API, "Send-to-Device messaging"). The same transaction again changes nothing. */
export async function sendToDevice(
  app: Pick<App, "rpc" | "serverName" | "random" | "rateLimiter">,
  requester: Requester,
  send: ToDeviceSend,
): Promise<void> {
  const { userId: sender, deviceId = "" } = requester;
  const { eventType, txnId, messages } = send;
  if (!fitsId(eventType)) throw invalidParam("The event type is too long");
  if (eventType === "m.room_key_request") app.rateLimiter.check("rc_key_requests", `${sender} ${deviceId}`);
  const { local, remote } = sortMessages(app.serverName, sender, eventType, messages);
  if (requester.shadowBanned || (local.length === 0 && remote.size === 0)) return;
  const remoteContents = Array.from(remote, ([destination, users]) => ({
    destination,
    content: JSON.stringify({ sender, type: eventType, message_id: app.random.letters(16), messages: Object.fromEntries(users) }),
  }));
  await app.rpc.call(queueToDevice, { sender, deviceId, txnId: txnKey(`${eventType} ${txnId}`), local, remote: remoteContents });
}

/** Keys of any length a client may think of must fit an index. */
function txnKey(key: string): string {
  return key.length <= MAX_TXN_KEY && !key.includes("\u0000") ? key : createHash("sha256").update(key).digest("base64");
}

interface Sorted {
  readonly local: ToDeviceRequest["local"];
  /** By server, then by user. */
  readonly remote: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;
}

function sortMessages(serverName: string, sender: string, eventType: string, messages: JsonObject): Sorted {
  const local: { userId: string; deviceId: string; message: string }[] = [];
  const remote = new Map<string, Map<string, JsonObject>>();
  const head = `{"type":${JSON.stringify(eventType)},"sender":${JSON.stringify(sender)},"content":`;
  for (const [userId, devices] of Object.entries(messages)) {
    const server = domainOf(userId);
    if (!isUserId(userId) || server === undefined) throw invalidParam(`${userId.slice(0, 300)} is not a user id`);
    if (!isJsonObject(devices)) throw badJson("messages must be an object of objects");
    const texts = Object.entries(devices).map(([deviceId, content]) => ({ deviceId, text: contentText(content) }));
    if (server === serverName) {
      for (const { deviceId, text } of texts) if (isDeviceId(deviceId)) local.push({ userId, deviceId, message: `${head}${text}}` });
    } else if (texts.length > 0) {
      remote.set(server, (remote.get(server) ?? new Map<string, JsonObject>()).set(userId, devices));
    }
  }
  return { local, remote };
}

/** A device with such an id cannot exist, so that a message to it is dropped like any to an unknown device. */
const isDeviceId = (deviceId: string): boolean => deviceId.length <= MAX_DEVICE_ID && !deviceId.includes("\u0000");

function contentText(content: JsonValue | undefined): string {
  if (!isJsonObject(content)) throw badJson("The content of a message must be an object");
  const text = JSON.stringify(content);
  if (text.length > MAX_CONTENT_BYTES || (text.length * 3 > MAX_CONTENT_BYTES && Buffer.byteLength(text) > MAX_CONTENT_BYTES)) {
    throw tooLarge("Message content too large");
  }
  return text;
}

export interface ToDeviceBatch {
  /** Events ready to be sent. */
  readonly events: readonly JsonText[];
  /** Where the client stands with these: before `to` when more are waiting. */
  readonly position: number;
}

/** Whether memory knows that nothing waits for the device, and so nothing is to be dropped either. */
export function isInboxEmpty(
  { userData: { emptyInboxes, toDeviceChanges } }: Pick<App, "userData">,
  { userId, deviceId }: { readonly userId: string; readonly deviceId: string },
  to: number,
): boolean {
  const key = `${userId} ${deviceId}`;
  const empty = emptyInboxes.get(key)?.upTo ?? 0;
  if (empty >= to) return true;
  if (empty === 0 || toDeviceChanges.maybeChanged(userId, empty)) return false;
  emptyInboxes.set(key, { upTo: to });
  return true;
}

/**
 * For /sync: what waits for the device after `from`, the position in the token that the client came with (0 without one). What came
 * before has arrived, so it is dropped. Asks the database only when something may be there.
 */
export async function toDeviceSince(
  app: Pick<App, "db" | "userData">,
  device: { readonly userId: string; readonly deviceId: string },
  from: number,
  to: number,
  wanted = MAX_MESSAGES,
): Promise<ToDeviceBatch> {
  const limit = Math.max(1, Math.min(wanted, MAX_MESSAGES));
  // A token from the future: nothing is known of what it acknowledges.
  if (from > to) return { events: [], position: from };
  if (isInboxEmpty(app, device, to)) return { events: [], position: to };
  const { userId, deviceId } = device;
  const { emptyInboxes } = app.userData;
  const key = `${userId} ${deviceId}`;
  const empty = emptyInboxes.get(key)?.upTo ?? 0;
  const [messages] = await Promise.all([
    toDeviceMessages(app.db, device, { from, to, limit: limit + 1 }),
    from > empty ? deleteToDeviceUpTo(app.db, userId, deviceId, from) : undefined,
  ]);
  if (messages.length === 0) emptyInboxes.set(key, { upTo: to });
  const shown = messages.slice(0, limit);
  const position = messages.length > shown.length ? (shown.at(-1)?.streamId ?? to) : to;
  return { events: shown.map(({ message }) => new JsonText(message)), position };
}

/** Messages from another server: the content of an m.direct_to_device EDU. The same message id again changes nothing. */
export async function receiveToDevice(app: Pick<App, "rpc" | "serverName">, origin: string, content: JsonObject): Promise<void> {
  const [sender, type, messageId, messages] = ["sender", "type", "message_id", "messages"].map((key) => own(content, key));
  if (typeof sender !== "string" || typeof type !== "string" || typeof messageId !== "string" || !isJsonObject(messages)) return;
  if (!isUserId(sender) || domainOf(sender) !== origin || !fitsId(type)) return;
  const known = Object.entries(messages).filter(([userId]) => isUserId(userId) && domainOf(userId) === app.serverName);
  const { local } = sortMessages(app.serverName, sender, type, Object.fromEntries(known));
  if (local.length > 0) await app.rpc.call(queueToDevice, { sender: origin, deviceId: "", txnId: txnKey(messageId), local, remote: [] });
}
