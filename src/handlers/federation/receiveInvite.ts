import { MatrixError, badJson, forbidden } from "../../errors";
import type { RoomInfo } from "../../caches/rooms";
import { canonicalJson } from "../../lib/canonicalJson";
import { type JsonObject, type JsonValue, own } from "../../lib/json";
import { JsonText } from "../../lib/jsonText";
import { domainOf } from "../../rooms/ids";
import { withSignature } from "../../rooms/signing";
import { readStrippedState } from "../../rooms/strippedState";
import { roomVersion } from "../../rooms/versions";
import { getUser } from "../../storage/users";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { storeOutOfBand } from "../../writers/remoteRpc";
import type { App } from "../app";
import { provideUser } from "../appservices/ask";
import { findRoom } from "../rooms/access";
import { requireNotClosed } from "../rooms/closedRooms";
import { areWeIn, requireNotShutOut } from "./access";
import { type GoodPdu, checkPdu, requireGood } from "./checkPdu";
import { storeInRoom } from "./inbound";
import { sentOf } from "./outcomes";

export interface IncomingInvite {
  readonly roomId: string;
  readonly version: string;
  readonly event: JsonObject;
  readonly strippedState: JsonValue | undefined;
}

/**
 * `PUT /invite` (server-server API, "Inviting to a room"): signs the invitation of a user of ours and stores it, although the room is
 * not known here. Gives the signed event.
 */
export async function receiveInvite(
  app: App,
  origin: string,
  { roomId, version: versionId, event, strippedState }: IncomingInvite,
): Promise<JsonText> {
  const version = roomVersion(versionId);
  if (!version) {
    throw new MatrixError(400, "M_INCOMPATIBLE_ROOM_VERSION", `This server does not know room version ${versionId}`, {
      room_version: versionId,
    });
  }
  const pdu = requireGood(await checkPdu(app, version, event));
  const room = await findRoom(app, roomId);
  await checkInvite(app, origin, roomId, room, pdu);
  const signed = withOurSignature(app, pdu);
  if (room && (await areWeIn(app, room))) {
    // Whether it may stand is for the room's rules. Where they refuse it, our signature says no more than that it came.
    await storeInRoom(app, origin, room, { ...pdu, checked: signed });
  } else {
    const request = { roomId, version: version.id, event: signed, strippedState: readStrippedState(strippedState) };
    sentOf(app, signed.eventId, await storeOutOfBand(app, request));
  }
  return new JsonText(signed.json);
}

async function checkInvite(
  app: App,
  origin: string,
  roomId: string,
  room: RoomInfo | undefined,
  { event, received }: GoodPdu,
): Promise<void> {
  const { type, stateKey, sender, content } = event;
  if (event.roomId !== roomId) throw badJson("The room_id in path does not match event");
  if (type !== "m.room.member" || own(content, "membership") !== "invite" || received.redacted)
    throw badJson("The event was not an m.room.member invite event");
  if (stateKey === undefined || domainOf(stateKey) !== app.serverName) throw badJson("The invite event must be for this server");
  if (domainOf(sender) !== origin) throw forbidden("The invite event was not from the server sending it");
  if (app.config.block_non_admin_invites) throw forbidden("This server does not accept room invites");
  if (room) await requireNotShutOut(app, room, origin);
  await requireNotClosed(app, roomId);
  const user = await getUser(app.db, stateKey);
  if (!user) await provideUser(app, stateKey);
  if (user?.deactivated) throw forbidden("The invited user is deactivated");
  app.rateLimiter.check("rc_invites.per_user", stateKey);
}

function withOurSignature({ signingKey }: App, { event, received }: GoodPdu): CheckedPdu {
  const signatures = withSignature(event.pdu.signatures, signingKey, signingKey.sign(received.signingText));
  return { eventId: event.eventId, json: canonicalJson({ ...event.pdu, signatures }) };
}
