import type { RoomInfo } from "../../caches/rooms";
import type { StatePair } from "../../caches/stateKeys";
import { MatrixError, forbidden } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { own } from "../../lib/json";
import { fitsId } from "../../rooms/ids";
import { sendEvent } from "./sendEvent";
import { sendIntent } from "../../writers/intents";
import type { App } from "../app";
import { canonicalAddress } from "../auth/identifiers";
import { limitUser } from "../rateLimiter";
import type { Requester } from "../requester";
import { currentLevels, requireJoined } from "./access";
import { lookupThreepid, requireToken, storeInvite } from "./identityLookups";
import type { ThreepidAt } from "./identityLookups";
import { profileFields } from "./memberContent";
import { changeMembership } from "./membership";

export interface ThirdPartyInvite {
  readonly idServer: string;
  readonly idAccessToken?: string | undefined;
  readonly medium: string;
  readonly address: string;
}

/**
 * Invites by e-mail address or telephone number (client-server API, "Third-party invites"): the user whom the identity server knows
 * by it, or else whoever binds the address later.
 */
export async function inviteByThirdPartyId(app: App, requester: Requester, roomId: string, invite: ThirdPartyInvite): Promise<void> {
  if (!app.config.enable_3pid_lookup) throw forbidden("Looking up third-party identifiers is denied from this server");
  if (app.config.block_non_admin_invites && !requester.isAdmin) throw forbidden("Invites have been disabled on this server");
  const threepid: ThreepidAt = {
    idServer: invite.idServer,
    idAccessToken: requireToken(invite.idAccessToken),
    medium: invite.medium,
    address: canonicalAddress(invite.medium, invite.address),
  };
  const room = await requireJoined(app, requester.userId, roomId);
  limitUser(app, requester, "rc_third_party_invite");
  if (requester.shadowBanned) return;
  const userId = await lookupThreepid(app, threepid);
  if (userId !== undefined) await changeMembership(app, requester, { roomId, target: userId, action: "invite" });
  else await inviteUnknown(app, requester, room, threepid);
}

async function inviteUnknown(app: App, requester: Requester, room: RoomInfo, threepid: ThreepidAt): Promise<void> {
  const { userId } = requester;
  const levels = await currentLevels(app, room);
  // Asked before anybody gets a mail about it.
  if (levels.userLevel(userId) < levels.invite) throw forbidden("You don't have permission to invite users");
  const { token, content } = await storeInvite(app, threepid, await aboutRoom(app, userId, room));
  if (!fitsId(token)) throw new MatrixError(502, "M_UNKNOWN", "The identity server gave a token that is too long");
  await sendEvent(
    app,
    sendIntent({ roomId: room.roomId, sender: userId, type: "m.room.third_party_invite", content }, { stateKey: token }),
  );
}

const shown: readonly (readonly [field: string, type: string, key: string])[] = [
  ["room_name", "m.room.name", "name"],
  ["room_alias", "m.room.canonical_alias", "alias"],
  ["room_avatar_url", "m.room.avatar", "url"],
  ["room_join_rules", "m.room.join_rules", "join_rule"],
  ["room_type", "m.room.create", "type"],
];

/** What the identity server may write of the room and the inviter. */
async function aboutRoom(app: App, userId: string, room: RoomInfo): Promise<JsonObject> {
  const about: JsonObject = { room_id: room.roomId, sender: userId };
  const current = await app.caches.roomState.current(room.nid);
  const events = current
    ? await app.caches.roomState.pick(
        current.state,
        shown.map(([, type]): StatePair => [type, ""]),
      )
    : [];
  shown.forEach(([field, , key], i) => {
    const value = own(events[i]?.shown.content ?? {}, key);
    if (typeof value === "string") about[field] = value;
  });
  const profile = await profileFields(app, userId);
  const location = app.config.email?.invite_client_location;
  return {
    ...about,
    sender_display_name: profile["displayname"] ?? userId,
    ...(profile["avatar_url"] !== undefined && { sender_avatar_url: profile["avatar_url"] }),
    ...(location !== undefined && { "org.matrix.web_client_location": location }),
  };
}
