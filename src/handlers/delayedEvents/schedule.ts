import { MatrixError, badJson, forbidden, limitExceeded, notFound, tooLarge } from "../../errors";
import { isCanonicalValue } from "../../lib/canonicalJson";
import { fitsId } from "../../rooms/ids";
import { findDelayId, freeAt, insertDelayedEvent } from "../../storage/delayedEvents";
import { wakeDelayedEvents } from "../../writers/delayedEventsRpc";
import type { App } from "../app";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { findRoom } from "../rooms/access";
import { mayGuestSend } from "../rooms/messages";
import type { SendRequest } from "../rooms/messages";
import { delayLimits, delaysEvents } from "./limits";

/** No event can be larger. */
const MAX_CONTENT_BYTES = 65_536;

/**
 * Notes an event that is to be sent `delay` ms later, and gives its delay_id (MSC4140). Whether it may be sent shows then. The same
 * transaction again gets the same id. Throws 403 where the server does not do that, 400 for a delay that is too long, and 429 where the
 * user has too many of them.
 */
export async function scheduleEvent(app: App, requester: Requester, request: SendRequest, delay: number): Promise<string> {
  const { roomId, type, stateKey, content, txnId } = request;
  limitUser(app, requester, "rc_message");
  if (!delaysEvents(app.config)) throw forbidden("Sending delayed events has been disallowed");
  const { max_delay_ms: longest, max_scheduled: limit } = delayLimits(app.config);
  if (delay > longest) throw delayTooLarge(delay, longest);
  if (!fitsId(type) || (stateKey !== undefined && !fitsId(stateKey)))
    throw new MatrixError(413, "M_TOO_LARGE", "type or state_key too large");
  if (!isCanonicalValue(content)) throw badJson("Event content is not canonical JSON");
  if (Buffer.byteLength(JSON.stringify(content)) > MAX_CONTENT_BYTES) throw tooLarge("event too large");
  if (requester.isGuest && !mayGuestSend(type)) throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not send such events");
  if (!(await findRoom(app, roomId))) throw notFound("Unknown room");
  const delayId = `syd_${app.random.letters(20)}`;
  const sendTs = app.clock.now() + delay;
  const originServerTs = requester.appservice ? (request.originServerTs ?? null) : null;
  const delayed = { delayId, userId: requester.userId, roomId, type, stateKey: stateKey ?? null, content, originServerTs, delay, sendTs };
  const device = { userId: requester.userId, deviceId: requester.deviceId ?? "" };
  if (await insertDelayedEvent(app.db, delayed, { deviceId: device.deviceId, txnId: txnId ?? null, limit })) {
    app.background("wake_delayed_events", async () => void (await app.rpc.call(wakeDelayedEvents, sendTs)));
    return delayId;
  }
  const known = txnId === undefined ? undefined : await findDelayId(app.db, { ...device, roomId, txnId });
  if (known !== undefined) return known;
  const wait = Math.max(1, ((await freeAt(app.db, requester.userId, limit)) ?? 0) - app.clock.now());
  const { status, errcode, extra } = limitExceeded(wait);
  throw new MatrixError(status, errcode, "The maximum number of delayed events has been reached.", extra);
}

/** The fields beyond the errcode are those of earlier revisions, which clients look at. */
function delayTooLarge(delay: number, longest: number): MatrixError {
  return new MatrixError(
    400,
    "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE",
    `The requested delay (${delay}ms) exceeds the allowed maximum (${longest}ms)`,
    { "org.matrix.msc4140.errcode": "M_MAX_DELAY_EXCEEDED", "org.matrix.msc4140.max_delay": longest },
  );
}
