import { invalidParam } from "../../errors";
import type { App } from "../../handlers/app";
import type { HttpRequest } from "../../handlers/request";
import type { Requester } from "../../handlers/requester";
import { resolveAlias } from "../../handlers/rooms/aliases";
import { acceptSignedInvite } from "../../handlers/rooms/exchangeInvites";
import { changeMembership, forgetRoom } from "../../handlers/rooms/membership";
import type { MembershipAction } from "../../handlers/rooms/membership";
import { inviteByThirdPartyId } from "../../handlers/rooms/thirdPartyInvites";
import type { JsonObject } from "../../lib/json";
import type { Infer } from "../../lib/schema";
import { anyObject, maybe, object, openObject, optional, record, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;
const reasonBody = optional(object({ reason: optional(string()) }));
const targetBody = object({ user_id: string(), reason: optional(string()) });
const signedInvite = openObject({ signatures: optional(record(record(string()))) });
const joinBody = optional(openObject({ reason: optional(string()), third_party_signed: maybe(signedInvite) }));

const withReason = (reason: string | undefined): JsonObject => (reason === undefined ? {} : { reason });

/** The room that an id or an alias names, and the servers that may help to get in. */
async function roomOf(app: App, request: HttpRequest, roomIdOrAlias: string): Promise<{ roomId: string; via: readonly string[] }> {
  const via = [...(request.query("via") ?? []), ...(request.query("server_name") ?? [])];
  if (roomIdOrAlias.startsWith("!")) return { roomId: roomIdOrAlias, via };
  if (!roomIdOrAlias.startsWith("#")) throw invalidParam(`${roomIdOrAlias.slice(0, 300)} was not legal room ID or room alias`);
  const { roomId, servers } = await resolveAlias(app, roomIdOrAlias);
  return { roomId, via: [...via, ...servers] };
}

/** Joining or knocking by id or alias, with the same answer. Whatever else a client sends becomes part of its member event, as in Synapse. */
async function enter(
  app: App,
  requester: Requester,
  request: HttpRequest,
  action: "join" | "knock",
  roomIdOrAlias: string,
  body: Infer<typeof joinBody> = {},
) {
  const { roomId, via } = await roomOf(app, request, roomIdOrAlias);
  const { third_party_signed: signed, ...content } = body;
  if (signed) await acceptSignedInvite(app, requester, roomId, signed);
  await changeMembership(app, requester, { roomId, target: requester.userId, action, content, via });
  return { room_id: roomId };
}

/** Actions on somebody else: kick, ban, unban. */
const onOther = (action: MembershipAction) =>
  route(`POST /_matrix/client/v3/rooms/:roomId/${action}`, {
    servlet: "RoomMembershipRestServlet",
    aliases: prefixes,
    auth: "user",
    body: targetBody,
    handle: async ({ app, requester, params, body }) => {
      await changeMembership(app, requester, { roomId: params.roomId, target: body.user_id, action, content: withReason(body.reason) });
      return {};
    },
  });

export const membershipRoutes = group("client.membership", [
  route("POST /_matrix/client/v3/join/:roomIdOrAlias", {
    servlet: "JoinRoomAliasServlet",
    aliases: prefixes,
    auth: "guest",
    body: joinBody,
    handle: ({ app, requester, request, params, body }) => enter(app, requester, request, "join", params.roomIdOrAlias, body),
  }),
  route("PUT /_matrix/client/v3/join/:roomIdOrAlias/:txnId", {
    servlet: "JoinRoomAliasServlet",
    aliases: prefixes,
    auth: "guest",
    body: joinBody,
    handle: ({ app, requester, request, params, body }) => enter(app, requester, request, "join", params.roomIdOrAlias, body),
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/join", {
    servlet: "RoomMembershipRestServlet",
    aliases: prefixes,
    auth: "guest",
    body: joinBody,
    handle: ({ app, requester, request, params, body }) => enter(app, requester, request, "join", params.roomId, body),
  }),
  route("POST /_matrix/client/v3/knock/:roomIdOrAlias", {
    servlet: "KnockRoomAliasServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: reasonBody,
    handle: ({ app, requester, request, params, body }) =>
      enter(app, requester, request, "knock", params.roomIdOrAlias, withReason(body?.reason)),
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/leave", {
    servlet: "RoomMembershipRestServlet",
    aliases: prefixes,
    auth: "guest",
    body: reasonBody,
    handle: async ({ app, requester, params, body }) => {
      await changeMembership(app, requester, {
        roomId: params.roomId,
        target: requester.userId,
        action: "leave",
        content: withReason(body?.reason),
      });
      return {};
    },
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/invite", {
    servlet: "RoomMembershipRestServlet",
    aliases: prefixes,
    auth: "user",
    body: object({
      user_id: optional(string()),
      reason: optional(string()),
      id_server: optional(string()),
      id_access_token: optional(string()),
      medium: optional(string()),
      address: optional(string()),
    }),
    handle: async ({ app, requester, params, body }) => {
      const { user_id: target, id_server: idServer, medium, address } = body;
      if (target !== undefined) {
        await changeMembership(app, requester, { roomId: params.roomId, target, action: "invite", content: withReason(body.reason) });
      } else if (idServer !== undefined && medium !== undefined && address !== undefined) {
        await inviteByThirdPartyId(app, requester, params.roomId, { idServer, idAccessToken: body.id_access_token, medium, address });
      } else throw invalidParam("Missing user_id, or id_server, medium and address");
      return {};
    },
  }),
  onOther("kick"),
  onOther("ban"),
  onOther("unban"),
  route("POST /_matrix/client/v3/rooms/:roomId/forget", {
    servlet: "RoomForgetRestServlet",
    aliases: prefixes,
    auth: "guest",
    body: optional(anyObject()),
    handle: async ({ app, requester, params }) => {
      await forgetRoom(app, requester, params.roomId);
      return {};
    },
  }),
]);
