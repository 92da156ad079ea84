import { readPresence, setPresence } from "../../handlers/presence";
import { nullable, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;

export const presenceRoutes = group("client.presence", [
  route("GET /_matrix/client/v3/presence/:userId/status", {
    servlet: "PresenceStatusRestServlet",
    aliases: prefixes,
    auth: "user",
    handle: ({ app, requester, params }) => readPresence(app, requester, params.userId),
  }),
  route("PUT /_matrix/client/v3/presence/:userId/status", {
    servlet: "PresenceStatusRestServlet",
    aliases: prefixes,
    auth: "user",
    body: object({ presence: string(), status_msg: optional(nullable(string())) }),
    handle: async ({ app, requester, params, body }) => {
      await setPresence(app, requester, { userId: params.userId, presence: body.presence, statusMsg: body.status_msg ?? undefined });
      return {};
    },
  }),
]);
