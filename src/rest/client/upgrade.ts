import { upgradeRoom } from "../../handlers/rooms/upgrade";
import { array, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

export const upgradeRoutes = group("client.upgrade", [
  route("POST /_matrix/client/v3/rooms/:roomId/upgrade", {
    servlet: "RoomUpgradeRestServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: object({ new_version: string(), additional_creators: optional(array(string())) }),
    handle: async ({ app, requester, params, body }) => ({
      replacement_room: await upgradeRoom(app, requester, {
        roomId: params.roomId,
        newVersion: body.new_version,
        additionalCreators: body.additional_creators ?? [],
      }),
    }),
  }),
]);
