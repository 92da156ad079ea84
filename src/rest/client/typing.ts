import { setTyping } from "../../handlers/typing";
import { boolean, integer, object, optional } from "../../lib/schema";
import { group, route } from "../route";

export const typingRoutes = group("client.typing", [
  route("PUT /_matrix/client/v3/rooms/:roomId/typing/:userId", {
    servlet: "RoomTypingRestServlet",
    aliases: ["r0", "api/v1", "unstable"],
    auth: "user",
    body: object({ typing: boolean(), timeout: optional(integer()) }),
    handle: async ({ app, requester, params, body }) => {
      await setTyping(app, requester, { ...params, typing: body.typing, timeoutMs: body.timeout });
      return {};
    },
  }),
]);
