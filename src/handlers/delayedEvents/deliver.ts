import { MatrixError, forbidden } from "../../errors";
import { finaliseDelayedEvent } from "../../storage/delayedEvents";
import type { DelayedEvent } from "../../storage/delayedEvents";
import type { SentEvent } from "../../writers/intents";
import type { App } from "../app";
import { checkRestrictions } from "../auth/restrictions";
import { ownLimitOf, requesterFor } from "../requester";
import type { Requester } from "../requester";
import { sendRoomEvent } from "../rooms/messages";

/** So long after it was due an event is given up that could not be sent through no fault of its own. */
const GIVE_UP_MS = 3_600_000;

/**
 * Sends a delayed event as its owner would now (MSC4140, "Power levels are evaluated at the point of sending") and notes that. However
 * often and by how many processes, it is sent once: its id is a transaction id. Throws what sending throws.
 */
export async function deliver(app: App, delayed: DelayedEvent): Promise<SentEvent> {
  const { delayId, roomId, type, stateKey, content, originServerTs } = delayed;
  const sent = await sendRoomEvent(app, await senderOf(app, delayed.userId), {
    roomId,
    type,
    ...(stateKey !== null && { stateKey }),
    content,
    delayId,
    originServerTs: originServerTs ?? undefined,
  });
  await finaliseDelayedEvent(app.db, delayId, app.clock.now(), { eventId: sent.eventId });
  return sent;
}

/**
 * Sends what is due. A refusal is for good, even one for sending too much (MSC4140, "Rate-limiting at the point of sending"), and noted.
 * Gives false where something was out of reach, so that it is to be tried again. Never rejects.
 */
export async function deliverDue(app: App, delayed: DelayedEvent): Promise<boolean> {
  try {
    await deliver(app, delayed).catch((error: unknown) => noteFailure(app, delayed, error));
    return true;
  } catch (error) {
    app.log("synapse.handlers.delayed_events").error(`Failed to send delayed event ${delayed.delayId}`, { error });
    return false;
  }
}

/** Throws the error again where it may pass. */
async function noteFailure({ db, clock }: App, { delayId, sendTs }: DelayedEvent, error: unknown): Promise<void> {
  const mayPass = !(error instanceof MatrixError) || error.status >= 500;
  if (mayPass && clock.now() < sendTs + GIVE_UP_MS) throw error;
  const body = error instanceof MatrixError ? error.body() : { errcode: "M_UNKNOWN", error: "Internal server error" };
  await finaliseDelayedEvent(db, delayId, clock.now(), { error: body });
}

/** The owner of a delayed event, with the rights that they have now. */
async function senderOf(app: App, userId: string): Promise<Requester> {
  const user = await app.accounts.users.load(userId);
  if (!user || user.deactivated) throw forbidden("The account is gone");
  checkRestrictions(user, { now: app.clock.now(), method: "PUT", allow: [] });
  const { isGuest, admin, shadowBanned, appserviceId } = user;
  const appservice = app.config.derived.appServices.find(({ id }) => id === appserviceId);
  return requesterFor(userId, { isGuest, isAdmin: admin, shadowBanned, appservice, ownLimit: ownLimitOf(user) });
}
