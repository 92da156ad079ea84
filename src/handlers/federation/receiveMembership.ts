import type { StoredEvent } from "../../caches/events";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, badJson, forbidden } from "../../errors";
import { canonicalJson } from "../../lib/canonicalJson";
import { type JsonObject, own } from "../../lib/json";
import { domainOf } from "../../rooms/ids";
import type { PduFault } from "../../rooms/pduShape";
import { type ReceivedPdu, readPdu } from "../../rooms/readPdu";
import { withSignature } from "../../rooms/signing";
import { addRelay } from "../../storage/federationRelays";
import type { App } from "../app";
import { strippedState } from "../sync/stripped";
import { requireOpenRoom, requireWholeRoom } from "./access";
import type { Entering } from "./asks";
import { type GoodPdu, checkSignatures, requireGood } from "./checkPdu";
import { storeInRoom } from "./inbound";
import { type JoinExtent, type JoinedRoom, joinedRoom } from "./joinedRoom";
import { sentOf } from "./outcomes";
import { approvingUser, wantsApproval } from "./restricted";

interface Received {
  readonly room: RoomInfo;
  readonly pdu: GoodPdu;
  readonly stored: StoredEvent;
}

/** Checks, authorises and stores a member event that a server of its user sends to get in or out. */
async function receive(app: App, origin: string, roomId: string, action: Entering, body: JsonObject): Promise<Received> {
  const room = await (action === "leave" ? requireOpenRoom : requireWholeRoom)(app, origin, roomId);
  const read = readPdu(room.version, body);
  if ("fault" in read) throw faultError(read.fault);
  checkMember(read, origin, roomId, action);
  const received = action === "join" ? await approve(app, room, read) : read;
  const pdu = requireGood(await checkSignatures(app, received));
  // Before it is stored: once it is in the stream, whoever sends to the other servers must know whose it is.
  await addRelay(app.db, { eventId: pdu.event.eventId, origin, now: app.clock.now() });
  sentOf(app, pdu.event.eventId, await storeInRoom(app, origin, room, pdu));
  const stored = await app.caches.events.byId(pdu.event.eventId);
  if (!stored || stored.row.rejected !== null) throw forbidden("The event is not authorised");
  return { room, pdu, stored };
}

/** Events that nobody has signed are told from those that are none. */
function faultError({ name, message }: PduFault): MatrixError {
  return name === "bad_hashes" || name === "bad_signatures"
    ? forbidden(`Not a signed event: ${message}`)
    : badJson(`Not an event: ${message}`);
}

function checkMember({ event, redacted }: ReceivedPdu, origin: string, roomId: string, action: Entering): void {
  const { type, sender, stateKey, content } = event;
  if (event.roomId !== roomId) throw badJson("The room_id in path does not match event");
  if (type !== "m.room.member" || own(content, "membership") !== action) throw badJson(`Not a ${action} event`);
  if (stateKey !== sender || domainOf(sender) !== origin) throw forbidden("A server sends events of its own users, about themselves");
  if (redacted) throw badJson("The content hash is wrong");
}

/** Adds our signature to a join that a member of ours vouches for, if they still do (server-server API, "Restricted rooms"). */
async function approve(app: App, room: RoomInfo, received: ReceivedPdu): Promise<ReceivedPdu> {
  const { event, signingText } = received;
  if (!wantsApproval(app, event)) return received;
  await approvingUser(app, room, event.sender);
  const { signingKey } = app;
  const signatures = withSignature(event.pdu.signatures, signingKey, signingKey.sign(signingText)) as typeof event.pdu.signatures;
  const pdu = { ...event.pdu, signatures };
  return { ...received, event: { ...event, pdu }, json: canonicalJson(pdu) };
}

/** `PUT /send_join` (server-server API, "Joining Rooms"). */
export async function receiveJoin(app: App, origin: string, roomId: string, body: JsonObject, extent: JoinExtent): Promise<JoinedRoom> {
  const { room, pdu, stored } = await receive(app, origin, roomId, "join", body);
  return joinedRoom(app, room, { join: stored, json: pdu.checked.json }, extent);
}

/** `PUT /send_leave`. */
export async function receiveLeave(app: App, origin: string, roomId: string, body: JsonObject): Promise<void> {
  await receive(app, origin, roomId, "leave", body);
}

/** `PUT /send_knock`. */
export async function receiveKnock(
  app: App,
  origin: string,
  roomId: string,
  body: JsonObject,
): Promise<{ knock_room_state: JsonObject[] }> {
  const { room, stored } = await receive(app, origin, roomId, "knock", body);
  if (!room.version.auth.knocking) throw new MatrixError(403, "M_FORBIDDEN", "This room version does not support knocking");
  return { knock_room_state: await strippedState(app, stored) };
}
