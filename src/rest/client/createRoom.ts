import { limitUser } from "../../handlers/rateLimiter";
import { createRoom } from "../../handlers/rooms/createRoom";
import { anyObject, array, boolean, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const invite3pid = object({ id_server: string(), id_access_token: optional(string()), medium: string(), address: string() });
const stateEvent = object({ type: string(), state_key: optional(string()), content: anyObject() });

const body = object({
  visibility: optional(oneOf("public", "private")),
  room_alias_name: optional(string()),
  name: optional(string()),
  topic: optional(string()),
  invite: optional(array(string())),
  invite_3pid: optional(array(invite3pid)),
  room_version: optional(string()),
  creation_content: optional(anyObject()),
  initial_state: optional(array(stateEvent)),
  preset: optional(oneOf("private_chat", "trusted_private_chat", "public_chat")),
  is_direct: optional(boolean()),
  power_level_content_override: optional(anyObject()),
});

export const createRoomRoutes = group("client.createRoom", [
  route("POST /_matrix/client/v3/createRoom", {
    servlet: "RoomCreateRestServlet",
    aliases: ["r0", "api/v1", "unstable"],
    auth: "user",
    body,
    limit: ({ app, requester }) => {
      if (!requester.isAdmin) limitUser(app, requester, "rc_room_creation");
    },
    handle: async ({ app, requester, body: given }) => {
      const made = await createRoom(app, requester, {
        visibility: given.visibility,
        roomAliasName: given.room_alias_name,
        name: given.name,
        topic: given.topic,
        invite: given.invite,
        invite3pid: given.invite_3pid?.map((invite) => ({
          idServer: invite.id_server,
          idAccessToken: invite.id_access_token,
          medium: invite.medium,
          address: invite.address,
        })),
        roomVersion: given.room_version,
        creationContent: given.creation_content,
        initialState: given.initial_state?.map((event) => ({ type: event.type, stateKey: event.state_key, content: event.content })),
        preset: given.preset,
        isDirect: given.is_direct,
        powerLevelContentOverride: given.power_level_content_override,
      });
      return { room_id: made.roomId, ...(made.roomAlias !== undefined && { room_alias: made.roomAlias }) };
    },
  }),
]);
