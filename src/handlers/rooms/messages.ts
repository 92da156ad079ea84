import type { RoomInfo } from "../../caches/rooms";
import { badJson, forbidden, invalidParam, MatrixError, notFound } from "../../errors";
import { isCanonicalValue } from "../../lib/canonicalJson";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import { fitsId } from "../../rooms/ids";
import { findAnnotation } from "../../storage/relations";
import { sendEvent } from "./sendEvent";
import { relationOf } from "../../writers/eventFacts";
import { sendIntent } from "../../writers/intents";
import type { SentEvent } from "../../writers/intents";
import type { App } from "../app";
import { checkThreadRoot } from "../events/relations";
import { requireServed } from "../auth/served";
import { requireConsent } from "../consent/required";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { currentLevels, requireJoined } from "./access";
import { changeMembership, transactionOf } from "./membership";
import type { MembershipAction } from "./membership";
import { pretendToSend } from "./shadowBan";
import { checkStateContent } from "./stateContent";

export interface SendRequest {
  readonly roomId: string;
  readonly type: string;
  /** Set for state. */
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  readonly redacts?: string | undefined;
  readonly txnId?: string | undefined;
  /** Of an event that was to be sent later (MSC4140). */
  readonly delayId?: string | undefined;
  /** Milliseconds; application services alone may set it. */
  readonly originServerTs?: number | undefined;
}

/** Event types that guests may send. */
const guestTypes: ReadonlySet<string> = new Set([
  "m.room.message",
  "m.room.encrypted",
  "m.sticker",
  "m.call.invite",
  "m.call.candidates",
  "m.call.answer",
  "m.call.hangup",
  "m.reaction",
]);

export const mayGuestSend = (type: string): boolean => guestTypes.has(type);

/**
 * Sends a message or state event (client-server API, "Sending events to a room"). Membership and power levels are the owner's to
 * judge; here stands what the authorisation rules do not know.
 */
export async function sendRoomEvent(app: App, requester: Requester, request: SendRequest): Promise<SentEvent> {
  const { roomId, type, stateKey, content } = request;
  if (stateKey !== undefined && type === "m.room.member") return sendMembership(app, requester, request, stateKey);
  if (type === "m.room.create") throw forbidden("A room has one create event only");
  if (!fitsId(type) || (stateKey !== undefined && !fitsId(stateKey)))
    throw new MatrixError(413, "M_TOO_LARGE", "type or state_key too large");
  if (requester.isGuest && !mayGuestSend(type)) throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not send such events");
  const isAdminRedaction = type === "m.room.redaction" && requester.isAdmin && app.config.rc_admin_redaction;
  limitUser(app, requester, isAdminRedaction ? "rc_admin_redaction" : "rc_message");
  if (!isCanonicalValue(content)) throw badJson("Event content is not canonical JSON");
  await requireServed(app, requester);
  await requireConsent(app, requester, { kind: "event" });
  if (requester.shadowBanned) return pretendToSend(app);
  if (stateKey !== undefined) await checkStateContent(app, roomId, type, content);
  if (type === "m.room.tombstone" && own(content, "replacement_room") === roomId) throw invalidParam("A room cannot be replaced by itself");
  await checkRelation(app, requester, request);
  const redacts = request.redacts ?? redactedBy(request);
  if (redacts !== null) await checkRedaction(app, requester, roomId, redacts);
  if (requester.deviceId !== undefined) app.userData.presenceReporter.active(requester.userId, requester.deviceId);
  return sendEvent(
    app,
    sendIntent(
      { roomId, sender: requester.userId, type, content },
      {
        stateKey: stateKey ?? null,
        redacts,
        ...transactionOf(requester, request),
        originServerTs: requester.appservice ? (request.originServerTs ?? null) : null,
      },
    ),
  );
}

/** A redaction that was sent like any event names its target in its content. */
function redactedBy({ type, content }: SendRequest): string | null {
  const redacts = type === "m.room.redaction" ? own(content, "redacts") : undefined;
  return typeof redacts === "string" ? redacts : null;
}

/**
 * From version 3 on a redaction passes authorisation whatever it is worth, and takes effect or not. Whoever sends one through us is
 * told at once; of an event that isn't here nobody can say whose it is.
 */
async function checkRedaction(app: App, requester: Requester, roomId: string, eventId: string): Promise<void> {
  const target = await app.caches.events.byId(eventId);
  if (!target) {
    const room = await requireJoined(app, requester.userId, roomId);
    if (!room.version.auth.redactionRule && !(await maySilence(app, requester, room))) throw notFound("Could not find event");
    return;
  }
  if (target.room.roomId !== roomId) throw new MatrixError(400, "M_UNKNOWN", "Cannot redact event from a different room");
  if (target.row.type === "m.room.create") throw forbidden("Redacting create events is not permitted");
  if (target.row.sender === requester.userId) return;
  if (!(await maySilence(app, requester, target.room))) throw forbidden("You don't have permission to redact this event");
}

/** Whether somebody may redact what others said. */
async function maySilence(app: App, requester: Requester, room: RoomInfo): Promise<boolean> {
  const levels = await currentLevels(app, room);
  return levels.userLevel(requester.userId) >= levels.redact;
}

/** One reaction of a kind by one user to one event (client-server API, "Annotating events"). */
async function checkRelation(app: App, requester: Requester, { roomId, content, type }: SendRequest): Promise<void> {
  const relation = relationOf({ type, content });
  if (!relation) return;
  if (relation.relType === "m.thread") return checkThreadRoot(app, relation.relatesTo);
  if (relation.relType !== "m.annotation" || relation.key === null) return;
  if (relation.key.length > MAX_AGGREGATION_KEY) throw badJson("Aggregation key is too long");
  const room = await requireJoined(app, requester.userId, roomId);
  if (
    await findAnnotation(app.db, { roomNid: room.nid, relatesTo: relation.relatesTo, type, key: relation.key, sender: requester.userId })
  ) {
    throw new MatrixError(400, "M_DUPLICATE_ANNOTATION", "Can't send same reaction twice");
  }
}

const MAX_AGGREGATION_KEY = 500;

/** A membership sent as plain state goes the way of the membership endpoints, so that the same rules hold. */
function sendMembership(app: App, requester: Requester, request: SendRequest, target: string): Promise<SentEvent> {
  const { membership, ...content } = request.content;
  const ownAction: Readonly<Record<string, MembershipAction>> = {
    join: "join",
    invite: "invite",
    leave: "leave",
    ban: "ban",
    knock: "knock",
  };
  const action = typeof membership === "string" ? ownAction[membership] : undefined;
  if (!action) throw badJson("Invalid membership");
  if ((action === "join" || action === "knock") && target !== requester.userId) throw forbidden("Cannot act for another user");
  return changeMembership(app, requester, {
    roomId: request.roomId,
    target,
    action: action === "leave" && target !== requester.userId ? "kick" : action,
    content,
    delayId: request.delayId,
    originServerTs: requester.appservice ? request.originServerTs : undefined,
  });
}

/** Redacts an event (client-server API, "Redactions"). The event need not be known here. */
export function redactEvent(
  app: App,
  requester: Requester,
  request: Pick<SendRequest, "roomId" | "txnId" | "originServerTs"> & { readonly eventId: string; readonly reason?: string | undefined },
): Promise<SentEvent> {
  if (!fitsId(request.eventId) || !request.eventId.startsWith("$")) throw invalidParam("Not an event id");
  return sendRoomEvent(app, requester, {
    roomId: request.roomId,
    type: "m.room.redaction",
    content: request.reason === undefined ? {} : { reason: request.reason },
    redacts: request.eventId,
    txnId: request.txnId,
    originServerTs: request.originServerTs,
  });
}
