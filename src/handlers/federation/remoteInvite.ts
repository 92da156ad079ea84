import { hostOf } from "../../caches/memberships";
import { MatrixError, badJson } from "../../errors";
import type { RoomInfo } from "../../caches/rooms";
import { readPdu } from "../../rooms/readPdu";
import type { SendIntent, SentEvent } from "../../writers/intents";
import type { CheckedPdu } from "../../writers/checkedPdu";
import { prepareEvent, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import { strippedForInvite } from "../sync/stripped";
import { sendInvite } from "./asks";
import { checkSignatures, isSignedBy, requireGood } from "./checkPdu";
import { sentOf } from "./outcomes";
import { withPolicySignature } from "./policyServer";
import { askInTurn } from "./servers";

/**
 * Invites a user of another server to a room that we are in: their server signs the event, too, before it is stored (server-server API,
 * "Inviting to a room").
 */
export async function inviteRemotely(app: App, room: RoomInfo, intent: SendIntent, target: string): Promise<SentEvent> {
  const prepared = await withPolicySignature(app, room, await prepareEvent(app, intent));
  const host = hostOf(target);
  const strippedState = await strippedForInvite(app, room, intent.sender);
  const request = { roomId: room.roomId, version: room.version.id, eventId: prepared.eventId, json: prepared.json, strippedState };
  const answer = await askInTurn([host], "invite the user", () => sendInvite(app, host, request));
  const signed = await coSigned(app, room, prepared, host, answer);
  return sentOf(app, signed.eventId, await storeRemoteEvent(app, room.roomId, signed));
}

/** The event that came back must be the one that was sent, and carry the other server's signature. */
async function coSigned(
  app: App,
  room: RoomInfo,
  { eventId }: CheckedPdu,
  host: string,
  answer: Parameters<typeof readPdu>[1],
): Promise<CheckedPdu> {
  const received = readPdu(room.version, answer);
  if ("fault" in received) throw badJson(`${host} answered with something else than an event: ${received.fault.message}`);
  if (received.event.eventId !== eventId || received.redacted || !(await isSignedBy(app, received, host))) {
    throw new MatrixError(502, "M_UNKNOWN", `${host} did not sign the invitation`);
  }
  return requireGood(await checkSignatures(app, received)).checked;
}
