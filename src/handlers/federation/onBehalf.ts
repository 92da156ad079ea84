import type { RoomInfo } from "../../caches/rooms";
import { addRelay } from "../../storage/federationRelays";
import type { SendIntent, SentEvent } from "../../writers/intents";
import { prepareEvent, storeRemoteEvent } from "../../writers/remoteRpc";
import type { App } from "../app";
import { sentOf } from "./outcomes";

/**
 * Builds, stores and hands to the other servers of a room an event whose sender is of another server. Only an invitation that an identity
 * server's key vouches for may be made like this: it needs no signature of the sender's server (server-server API, "Third-party invites";
 * "Validating hashes and signatures on received events").
 */
export async function sendOnBehalf(app: App, room: RoomInfo, intent: SendIntent): Promise<SentEvent> {
  const prepared = await prepareEvent(app, intent);
  // Before it is stored: senders must know by then that it is for us to send.
  await addRelay(app.db, { eventId: prepared.eventId, origin: app.serverName, now: app.clock.now() });
  return sentOf(app, prepared.eventId, await storeRemoteEvent(app, room.roomId, prepared));
}
