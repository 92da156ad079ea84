import { findTransactions } from "../../storage/events";
import { sendEvent as buildAndStore } from "../../writers/eventsRpc";
import type { SendIntent, SentEvent } from "../../writers/intents";
import { prepareEvent, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import { sentOf } from "../federation/outcomes";
import { needsPolicySignature, policyServerOf, withPolicySignature } from "../federation/policyServer";

/**
 * Sends an event of ours: the room's owner builds and stores it. Where the room has a policy server that one signs it in between, which
 * the owner does not wait for. Throws the MatrixError for which it was refused.
 */
export async function sendEvent(app: App, intent: SendIntent): Promise<SentEvent> {
  const room = needsPolicySignature(intent) ? await app.caches.rooms.byId(intent.roomId) : undefined;
  const policy = room && (await policyServerOf(app, room));
  if (!room || !policy) return buildAndStore(app, intent);
  const sent = await sentBefore(app, room.nid, intent);
  if (sent) return sent;
  const prepared = await prepareEvent(app, intent);
  const signed = await withPolicySignature(app, room, prepared);
  return sentOf(app, signed.eventId, await storeRemoteEvent(app, intent.roomId, signed, { ours: intent }));
}

async function sentBefore(app: App, roomNid: number, { sender, deviceId, txnId }: SendIntent): Promise<SentEvent | undefined> {
  if (txnId === null) return undefined;
  const [known] = await findTransactions(app.db, [{ sender, device: deviceId ?? "", roomNid, txnId }]);
  return known && { eventId: known.eventId, streamOrdering: known.streamOrdering };
}
