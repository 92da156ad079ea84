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
import { sendEvent } from "../../writers/eventsRpc";
import { sendIntent } from "../../writers/intents";
import type { SentEvent } from "../../writers/intents";
import type { App } from "../app";
import type { Requester } from "../requester";
import { currentEvent, findRoom, placeOf } from "./access";
import { followUpgrade } from "./followUpgrade";
import { profileFields } from "./memberContent";
import { authorisingUser } from "./restrictedJoins";

export type MembershipAction = "join" | "invite" | "leave" | "kick" | "ban" | "unban" | "knock";

export interface MembershipRequest {
  readonly roomId: string;
  /** Whose membership changes. */
  readonly target: string;
  readonly action: MembershipAction;
  /** Further fields of the member event, such as `reason` and `is_direct`. */
  readonly content?: JsonObject | undefined;
  readonly txnId?: string | undefined;
  /** Servers to join through. */
  readonly via?: readonly string[] | undefined;
  /** Room creation invites without spending the sender's invitation limits. */
  readonly exemptFromLimits?: boolean | undefined;
  readonly originServerTs?: number | undefined;
}

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
  const { roomId, target } = request;
  if (!isUserId(target)) throw new MatrixError(400, "M_INVALID_PARAM", `${String(target).slice(0, 300)} is not a user id`);
  const room = await findRoom(app, roomId);
  const place = room && (await placeOf(app, target, room));
  if (!room || !(await isHosted(app, room, request.action))) throw await absentRoom(app, request);
  await checkAction(app, requester, room, request, place);
  spendLimits(app, requester, room, request, place);
  const content = await contentOf(app, requester, room, request, place);
  const sent = await sendEvent(
    app,
    sendIntent(
      { roomId, sender: requester.userId, type: "m.room.member", content },
      {
        stateKey: target,
        deviceId: requester.deviceId ?? null,
        txnId: request.txnId ?? null,
        originServerTs: request.originServerTs ?? null,
      },
    ),
  );
  if (request.action === "join" && place?.membership !== "join") await followUpgrade(app, target, room);
  return sent;
}

/** Whether we can build events in the room: somebody of this server is in it, or its state is ours to know and the target only leaves. */
async function isHosted(app: App, room: RoomInfo, action: MembershipAction): Promise<boolean> {
  const { local, hosts } = await app.caches.memberships.ofRoom(room.nid);
  if (local.size > 0) return true;
  return action === "leave" && hosts.size === 0 && (await app.caches.roomState.current(room.nid)) !== undefined;
}

/** What to say of a room that nobody here is in. Such rooms are reached through other servers. */
async function absentRoom(app: App, { roomId, action }: MembershipRequest): Promise<MatrixError> {
  const host = hostOf(roomId);
  if (host === app.serverName && (await findRoom(app, roomId))) return forbidden("Nobody of this server is in the room any more");
  if (action === "leave") return notFound("Can't leave a room that you are not in");
  return notFound("Can't join the room: no server is known that could help");
}

async function checkAction(app: App, requester: Requester, room: RoomInfo, request: MembershipRequest, place: UserRoom | undefined): Promise<void> {
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
  if (user?.deactivated) throw forbidden("The invited user is deactivated");
}

function spendLimits(app: App, requester: Requester, room: RoomInfo, request: MembershipRequest, place: UserRoom | undefined): void {
  if (requester.appservice && !requester.appservice.rateLimited) return;
  const { rateLimiter } = app;
  if (request.action === "join" && place?.membership !== "join") {
    rateLimiter.check("rc_joins.local", requester.userId);
    rateLimiter.check("rc_joins_per_room", room.roomId);
  }
  if (request.action === "invite" && !request.exemptFromLimits) {
    rateLimiter.check("rc_invites.per_room", room.roomId);
    rateLimiter.check("rc_invites.per_user", request.target);
    rateLimiter.check("rc_invites.per_issuer", requester.userId);
  }
}

async function contentOf(
  app: App,
  requester: Requester,
  room: RoomInfo,
  request: MembershipRequest,
  place: UserRoom | undefined,
): Promise<JsonObject> {
  const { action, target } = request;
  const given = { ...request.content };
  if (!isCanonicalValue(given)) throw badJson("Event content is not canonical JSON");
  delete given["join_authorised_via_users_server"];
  const withProfile = action === "join" || action === "knock" || (action === "invite" && app.config.include_profile_data_on_invite);
  const profile = withProfile ? await profileFields(app, target) : {};
  const via = action === "join" && place?.membership !== "join" ? await authorisingUser(app, room, target, place?.membership) : undefined;
  return {
    ...profile,
    ...given,
    membership: resulting[action],
    ...(via !== undefined && { join_authorised_via_users_server: via }),
  };
}

/** Hides a room that the user has left from their view. 400 while they are still in it. */
export async function forgetRoom(app: App, requester: Requester, roomId: string): Promise<void> {
  const room = await findRoom(app, roomId);
  const place = room && (await placeOf(app, requester.userId, room));
  if (!room || !place) throw new MatrixError(400, "M_UNKNOWN", `User ${requester.userId} not in room ${roomId}`);
  if (place.membership !== "leave" && place.membership !== "ban") throw new MatrixError(400, "M_UNKNOWN", `User ${requester.userId} in room ${roomId}`);
  await setForgotten(app.db, room.nid, requester.userId);
  app.caches.memberships.forgetUser(requester.userId);
}
