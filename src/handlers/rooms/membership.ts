import { own } from "../../lib/json";
import { hostOf } from "../../caches/memberships";
import type { UserRoom } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError, badJson, forbidden, notFound } from "../../errors";
import { isCanonicalValue } from "../../lib/canonicalJson";
import type { JsonObject } from "../../lib/json";
import { isUserId } from "../../rooms/ids";
import { getUser } from "../../storage/users";
import { setForgotten } from "../../storage/memberships";
import { sendEvent } from "./sendEvent";
import { ROOMS_OF_USER } from "../../streams/caches";
import { changeRemembered } from "../../writers/cacheChanges";
import { DELAYED_DEVICE, sendIntent } from "../../writers/intents";
import type { SendIntent, SentEvent } from "../../writers/intents";
import type { App } from "../app";
import { provideUser } from "../appservices/ask";
import { requireServed } from "../auth/served";
import { requireConsent } from "../consent/required";
import type { ConsentedAction } from "../consent/required";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { requireSimple, tooMuchHere } from "../federation/complexity";
import { sendOnBehalf } from "../federation/onBehalf";
import { inviteRemotely } from "../federation/remoteInvite";
import { joinRemotely } from "../federation/remoteJoin";
import { knockRemotely } from "../federation/remoteKnock";
import { leaveRemotely } from "../federation/remoteLeave";
import { helpfulServers, strippedHosts } from "../federation/servers";
import { noticeUser } from "../serverNotices/noticeUser";
import { currentEvent, findRoom, placeOf } from "./access";
import { requireNotClosed } from "./closedRooms";
import { followUpgrade } from "./followUpgrade";
import { profileFields } from "./memberContent";
import { approvalOf } from "./restrictedJoins";
import { pretendToSend } from "./shadowBan";

export type MembershipAction = "join" | "invite" | "leave" | "kick" | "ban" | "unban" | "knock";

export interface MembershipRequest {
  readonly roomId: string;
  /** Whose membership changes. */
  readonly target: string;
  readonly action: MembershipAction;
  /** Further fields of the member event, such as `reason` and `is_direct`. */
  readonly content?: JsonObject | undefined;
  readonly txnId?: string | undefined;
  /** Of an event that was to be sent later (MSC4140). */
  readonly delayId?: string | undefined;
  /** Servers to join through. */
  readonly via?: readonly string[] | undefined;
  /** Room creation invites without spending the sender's invitation limits, and administrators move users without theirs. */
  readonly exemptFromLimits?: boolean | undefined;
  readonly originServerTs?: number | undefined;
}

const bringsIn: ReadonlySet<MembershipAction> = new Set(["join", "invite", "knock"]);

const resulting: Readonly<Record<MembershipAction, string>> = {
  join: "join",
  invite: "invite",
  leave: "leave",
  kick: "leave",
  ban: "ban",
  unban: "leave",
  knock: "knock",
};

/**
 * Changes somebody's membership (client-server API, "Room membership"). What the authorisation rules decide is left to the room's
 * owner; here stands what they do not know: limits, actions that presuppose a membership, accounts, restricted joins.
 */
export async function changeMembership(app: App, requester: Requester, request: MembershipRequest): Promise<SentEvent> {
  const { roomId, target, action } = request;
  if (!isUserId(target)) throw new MatrixError(400, "M_INVALID_PARAM", `${String(target).slice(0, 300)} is not a user id`);
  await requireServed(app, requester);
  await requireConsent(app, requester, consentedAction(request));
  if (request.action === "invite" && requester.shadowBanned) return pretendToSend(app);
  const room = await findRoom(app, roomId);
  if (bringsIn.has(request.action)) await requireNotClosed(app, roomId);
  const place = room && (await placeOf(app, target, room));
  const isAskedFor = requester.accessTokenId !== undefined;
  if (isAskedFor && action === "leave" && place?.membership === "invite" && place.sender === noticeUser(app)) {
    throw new MatrixError(403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", "You cannot reject this invite");
  }
  if (!room || !(await isHosted(app, room, request.action, place))) return changeFromAfar(app, requester, request, room, place);
  await checkAction(app, requester, room, request, place);
  spendLimits(app, requester, room, request, place);
  const approval =
    request.action === "join" && place?.membership !== "join" ? await approvalOf(app, room, target, place?.membership) : undefined;
  const base = await baseContent(app, request);
  if (approval && "hosts" in approval) {
    const joined = await joinRemotely(app, approval.hosts, { roomId, userId: target, action: "join", content: base });
    await followUpgrade(app, target, room);
    return joined;
  }
  const content = { ...base, ...(approval && { join_authorised_via_users_server: approval.by }) };
  const intent = sendIntent(
    { roomId, sender: requester.userId, type: "m.room.member", content },
    {
      stateKey: target,
      ...transactionOf(requester, request),
      originServerTs: request.originServerTs ?? null,
    },
  );
  if (request.action === "invite" && hostOf(target) !== app.serverName) return inviteRemotely(app, room, intent, target);
  if (hostOf(requester.userId) !== app.serverName) return sendOnBehalf(app, room, intent);
  const sent = await sendEvent(app, intent);
  if (request.action === "join" && place?.membership !== "join") await followUpgrade(app, target, room);
  return sent;
}

/** What tells an event that is sent again from another one. */
export function transactionOf(
  { deviceId }: Pick<Requester, "deviceId">,
  { txnId, delayId }: Pick<MembershipRequest, "txnId" | "delayId">,
): Pick<SendIntent, "deviceId" | "txnId"> {
  return delayId === undefined ? { deviceId: deviceId ?? null, txnId: txnId ?? null } : { deviceId: DELAYED_DEVICE, txnId: delayId };
}

function consentedAction({ action, roomId }: MembershipRequest): ConsentedAction {
  if (action === "join") return { kind: "join", roomId };
  return { kind: action === "leave" ? "leave" : "event" };
}

/**
 * Whether we can build events in the room: somebody of this server is in it, or its state is ours to know and the target only leaves. While
 * most members of a room are still to come, who is banned is not known: then others have to let newcomers in.
 */
async function isHosted(app: App, room: RoomInfo, action: MembershipAction, place: UserRoom | undefined): Promise<boolean> {
  const { local, hosts } = await app.caches.memberships.ofRoom(room.nid);
  if (local.size > 0) return action !== "join" || place?.membership === "join" || !(await app.caches.partialRooms.has(room.nid));
  return action === "leave" && hosts.size === 0 && (await app.caches.roomState.current(room.nid)) !== undefined;
}

/** Changes a membership in a room that nobody of this server is in: with the help of servers that are. */
async function changeFromAfar(
  app: App,
  requester: Requester,
  request: MembershipRequest,
  room: RoomInfo | undefined,
  place: UserRoom | undefined,
): Promise<SentEvent> {
  const { roomId, action, target } = request;
  if (action !== "join" && action !== "knock" && action !== "leave") throw notFound("Nobody of this server is in the room");
  if (action === "leave" && place?.membership !== "invite" && place?.membership !== "knock")
    throw notFound("Can't leave a room that you are not in");
  // Guests are known here alone, so other servers cannot refuse them, and what the room says of guests we do not know.
  if (action !== "leave" && requester.isGuest) throw forbidden("Guest access not allowed");
  const via = [...(request.via ?? []), ...(action === "leave" && place ? await strippedHosts(app, place.eventNid) : [])];
  const hosts = await helpfulServers(app, { roomId, room, via, inviter: place?.sender });
  if (hosts.length === 0 && room && action !== "leave" && hostOf(roomId) === app.serverName)
    throw forbidden("Nobody is in the room any more");
  const membership = { roomId, userId: target, content: await baseContent(app, request) };
  if (action === "leave") return leaveRemotely(app, hosts, room, place, { ...membership, action });
  if (action === "knock") return knockRemotely(app, hosts, { ...membership, action });
  if (!request.exemptFromLimits) {
    limitUser(app, requester, "rc_joins.remote");
    limitUser(app, requester, "rc_joins_per_room", roomId);
  }
  const joined = await app.inFlight.entering.run(roomId, async () => {
    // Somebody of this server may have got in while we waited.
    const known = await findRoom(app, roomId);
    if (known && (await isHosted(app, known, action, await placeOf(app, target, known)))) return undefined;
    await requireSimple(app, requester, hosts, roomId);
    return joinRemotely(app, hosts, { ...membership, action });
  });
  if (!joined) return changeMembership(app, requester, request);
  const entered = await findRoom(app, roomId);
  const tooMuch = entered && (await tooMuchHere(app, requester, entered));
  if (tooMuch) {
    await changeMembership(app, requester, { roomId, target, action: "leave" });
    throw tooMuch;
  }
  if (entered) await followUpgrade(app, target, entered);
  return joined;
}

async function checkAction(
  app: App,
  requester: Requester,
  room: RoomInfo,
  request: MembershipRequest,
  place: UserRoom | undefined,
): Promise<void> {
  const { action, target } = request;
  const membership = place?.membership;
  if (action === "kick" && membership !== "join" && membership !== "invite" && membership !== "knock") {
    throw forbidden("The target user is not in the room");
  }
  if (action === "unban" && membership !== "ban") throw forbidden("Cannot unban user who was not banned");
  if (action === "leave" && (membership === undefined || membership === "leave" || membership === "ban")) {
    throw forbidden(`User ${target} is not in the room`);
  }
  if (action === "join" && requester.isGuest) {
    const access = await currentEvent(app, room, "m.room.guest_access");
    if (own(access?.shown.content ?? {}, "guest_access") !== "can_join") throw forbidden("Guest access not allowed");
  }
  if (action === "invite") await checkInvite(app, requester, target);
}

async function checkInvite(app: App, requester: Requester, target: string): Promise<void> {
  if (app.config.block_non_admin_invites && !requester.isAdmin) throw forbidden("Invites have been disabled on this server");
  if (hostOf(target) !== app.serverName) return;
  const user = await getUser(app.db, target);
  if (!user) await provideUser(app, target);
  if (user?.deactivated) throw forbidden("The invited user is deactivated");
}

function spendLimits(app: App, requester: Requester, room: RoomInfo, request: MembershipRequest, place: UserRoom | undefined): void {
  if (request.exemptFromLimits) return;
  if (request.action === "join" && place?.membership !== "join") {
    limitUser(app, requester, "rc_joins.local");
    limitUser(app, requester, "rc_joins_per_room", room.roomId);
  }
  if (request.action === "invite") {
    limitUser(app, requester, "rc_invites.per_room", room.roomId);
    limitUser(app, requester, "rc_invites.per_user", request.target);
    limitUser(app, requester, "rc_invites.per_issuer");
  }
}

/** The member event's content as far as it does not depend on the room. */
async function baseContent(app: App, request: MembershipRequest): Promise<JsonObject> {
  const { action, target } = request;
  const given = { ...request.content };
  if (!isCanonicalValue(given)) throw badJson("Event content is not canonical JSON");
  delete given["join_authorised_via_users_server"];
  const withProfile = action === "join" || action === "knock" || (action === "invite" && app.config.include_profile_data_on_invite);
  const profile = withProfile ? await profileFields(app, target) : {};
  return { ...profile, ...given, membership: resulting[action] };
}

/** Hides a room that the user has left from their view. 400 while they are still in it. */
export async function forgetRoom(app: App, requester: Requester, roomId: string): Promise<void> {
  const room = await findRoom(app, roomId);
  const place = room && (await placeOf(app, requester.userId, room));
  if (!room || !place) throw new MatrixError(400, "M_UNKNOWN", `User ${requester.userId} not in room ${roomId}`);
  if (place.membership !== "leave" && place.membership !== "ban")
    throw new MatrixError(400, "M_UNKNOWN", `User ${requester.userId} in room ${roomId}`);
  await changeRemembered(app, async (tx) => {
    await setForgotten(tx, room.nid, requester.userId);
    return { value: undefined, remembered: [{ cache: ROOMS_OF_USER, key: requester.userId }] };
  });
}
