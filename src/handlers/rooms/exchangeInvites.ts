import type { StoredEvent } from "../../caches/events";
import { hostOf } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { badJson, forbidden, invalidParam, notFound } from "../../errors";
import type { JsonObject, JsonValue } from "../../lib/json";
import { isJsonObject, own } from "../../lib/json";
import { keysThatSigned, signedPart } from "../../rooms/auth/thirdParty";
import { domainOf, isUserId } from "../../rooms/ids";
import type { App } from "../app";
import { areWeIn, requireOpenRoom } from "../federation/access";
import type { Requester } from "../requester";
import { requesterFor } from "../requester";
import { currentEvent, findRoom, placeOf } from "./access";
import { changeMembership } from "./membership";

/** The proof that an address which was invited to a room belongs to a user. */
interface SignedInvite {
  readonly roomId: string;
  /** Who invited the address. */
  readonly sender: string;
  readonly target: string;
  readonly token: string;
  readonly signed: JsonObject;
}

function signedInvite(roomId: JsonValue | undefined, sender: JsonValue | undefined, signed: JsonValue | undefined): SignedInvite {
  const [target, token] = isJsonObject(signed) ? [own(signed, "mxid"), own(signed, "token")] : [];
  if (!isJsonObject(signed) || typeof token !== "string" || typeof target !== "string" || !isUserId(target))
    throw badJson("mxid and token must be signed");
  if (typeof roomId !== "string" || typeof sender !== "string" || !isUserId(sender)) throw badJson("room_id and sender are required");
  return { roomId, sender, target, token, signed };
}

/** Turns the invitation of an address into one of its user: here, where somebody of this server is in the room, or else by the inviter's server. */
async function exchange(app: App, invite: SignedInvite): Promise<void> {
  const room = await findRoom(app, invite.roomId);
  if (!room || !(await areWeIn(app, room))) return exchangeElsewhere(app, invite);
  await exchangeHere(app, room, invite);
}

async function exchangeHere(app: App, room: RoomInfo, { roomId, sender, target, token, signed }: SignedInvite): Promise<void> {
  // The rules would let the invitation take the place of a join.
  if ((await placeOf(app, target, room))?.membership === "join") return;
  const invitation = await currentEvent(app, room, "m.room.third_party_invite", token);
  if (!invitation) throw forbidden("Third-party invite not found");
  await requireValidKey(app, invitation, signed);
  const content = { third_party_invite: { display_name: own(invitation.shown.content, "display_name") ?? "", signed } };
  await changeMembership(app, requesterFor(sender), { roomId, target, action: "invite", content, exemptFromLimits: true });
}

/** A key that signed must still be valid where its identity server tells (server-server API, "Third-party invites"). */
async function requireValidKey(app: App, invitation: StoredEvent, signed: JsonObject): Promise<void> {
  for (const { publicKey, validityUrl } of keysThatSigned(signed, invitation.shown)) {
    if (validityUrl === undefined || (await isValid(app, validityUrl, publicKey))) return;
  }
  throw forbidden("No valid key has signed the invite");
}

async function isValid(app: App, validityUrl: string, publicKey: string): Promise<boolean> {
  if (!validityUrl.startsWith("https://") || !URL.canParse(validityUrl)) return false;
  const url = new URL(validityUrl);
  url.searchParams.set("public_key", publicKey);
  try {
    return (await app.accounts.guardedWeb.getJson(url.href))["valid"] === true;
  } catch (error) {
    app.log("synapse.handlers.federation.federation_handler").warn(`Cannot ask ${url.host} whether a key is valid`, { error });
    return false;
  }
}

/** `PUT /exchange_third_party_invite` at the inviter's server, or at the one that the room's id names. */
async function exchangeElsewhere(app: App, { roomId, sender, target, signed }: SignedInvite): Promise<void> {
  const hosts = new Set([hostOf(sender), domainOf(roomId)].filter((host) => host !== undefined && host !== app.serverName)) as Set<string>;
  const content = { membership: "invite", third_party_invite: { display_name: target, signed } };
  const event: JsonObject = { type: "m.room.member", room_id: roomId, sender, state_key: target, content };
  let failure: unknown = notFound(`Unknown room ${roomId}`);
  for (const host of hosts) {
    try {
      await app.federation.client.put(host, `/_matrix/federation/v1/exchange_third_party_invite/${encodeURIComponent(roomId)}`, event);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** An identity server tells that an address was bound to a user of this server who was invited by it (`/3pid/onbind`). All are tried; the last failure is thrown. */
export async function receiveBinding(app: App, body: JsonObject): Promise<void> {
  const invites = own(body, "invites");
  let failure: { readonly error: unknown } | undefined;
  for (const item of Array.isArray(invites) ? invites : []) {
    if (!isJsonObject(item)) continue;
    try {
      const invite = signedInvite(own(item, "room_id"), own(item, "sender"), own(item, "signed"));
      if (hostOf(invite.target) !== app.serverName) throw invalidParam("The user is of another server");
      await exchange(app, invite);
    } catch (error) {
      app.log("synapse.handlers.federation.federation_handler").warn("Failed to exchange a third-party invite", { error });
      failure = { error };
    }
  }
  if (failure) throw failure.error;
}

/** Another server has a user of its own who proves to be invited to a room of ours (`/exchange_third_party_invite`). */
export async function receiveExchange(app: App, origin: string, roomId: string, event: JsonObject): Promise<void> {
  const content = own(event, "content");
  const { type, room_id: eventRoomId, state_key: target, sender } = event;
  if (type !== "m.room.member" || eventRoomId !== roomId || !isJsonObject(content)) throw badJson("Not a member event of the room");
  const invite = signedInvite(roomId, sender, signedPart(content));
  if (invite.target !== target) throw invalidParam("The invite is for somebody else");
  await exchangeHere(app, await requireOpenRoom(app, origin, roomId), invite);
}

/** `third_party_signed` of a join: the proof that the joiner's address was invited. */
export async function acceptSignedInvite(app: App, requester: Requester, roomId: string, signed: JsonObject): Promise<void> {
  const invite = signedInvite(roomId, own(signed, "sender"), signed);
  if (invite.target !== requester.userId) throw forbidden("The invite is for somebody else");
  await exchange(app, invite);
}
