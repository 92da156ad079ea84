import { notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { cancelDelayedEvent, getDelayedEvents, restartDelayedEvent, scheduledBy } from "../../storage/delayedEvents";
import type { FinalisedEvent } from "../../storage/delayedEvents";
import { sendDelayedEvent } from "../../writers/delayedEventsRpc";
import type { App } from "../app";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";

export const delayActions = ["send", "cancel", "restart"] as const;
export type DelayAction = (typeof delayActions)[number];

/**
 * Sends a delayed event at once, cancels it, or counts its delay anew (MSC4140, "Managing scheduled delayed events"). Whoever knows the id
 * may do so. What was done is done again with success. 404 M_NOT_FOUND for what is over in another way too, as Synapse and the clients
 * of today have it, where the proposal has 409.
 */
export async function manageDelayedEvent(
  app: App,
  by: { readonly requester: Requester | undefined; readonly ip: string },
  delayId: string,
  action: DelayAction,
): Promise<void> {
  if (by.requester) limitUser(app, by.requester, "rc_delayed_event_mgmt");
  else app.rateLimiter.check("rc_delayed_event_mgmt", by.ip);
  switch (action) {
    case "send":
      return void (await app.rpc.call(sendDelayedEvent, delayId));
    case "restart":
      if (await restartDelayedEvent(app.db, delayId, app.clock.now())) return;
      break;
    case "cancel":
      if (await cancelDelayedEvent(app.db, delayId, app.clock.now())) return;
      if (isCancelled((await getDelayedEvents(app.db, [delayId]))[0])) return;
  }
  throw notFound("Delayed event not found");
}

const isCancelled = (event: FinalisedEvent | undefined): boolean =>
  event !== undefined && event.finalisedTs !== null && event.eventId === null;

/** A delayed event of the user's, also one that is over. 404 for those of others. */
export async function lookUpDelayedEvent(app: App, requester: Requester, delayId: string): Promise<JsonObject> {
  limitUser(app, requester, "rc_delayed_event_mgmt");
  const [event] = await getDelayedEvents(app.db, [delayId]);
  if (event?.userId !== requester.userId) throw notFound("Delayed event not found");
  return shown(event);
}

/** All that the user has still to be sent, the next one first. */
export async function listDelayedEvents(app: App, requester: Requester): Promise<JsonObject[]> {
  limitUser(app, requester, "rc_delayed_event_mgmt");
  const events = await getDelayedEvents(app.db, await scheduledBy(app.db, requester.userId));
  // The last two as they were called in earlier revisions.
  return events.map((event) => ({ ...shown(event), delay: event.delay, running_since: event.sendTs - event.delay }));
}

function shown({ delayId, roomId, type, stateKey, content, delay, sendTs, finalisedTs, eventId, error }: FinalisedEvent): JsonObject {
  return {
    delay_id: delayId,
    room_id: roomId,
    type,
    ...(stateKey !== null && { state_key: stateKey }),
    delay_ms: delay,
    delayed_since_ts: sendTs - delay,
    content,
    ...(finalisedTs !== null && {
      finalised: { finalised_ts: finalisedTs, ...(eventId !== null && { event_id: eventId }), ...(error && { error }) },
    }),
  };
}
