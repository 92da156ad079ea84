import { listPushers, setPusher } from "../../handlers/push/pushers";
import { anyObject, boolean, nullable, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const aliases = ["r0", "api/v1", "unstable"] as const;

export const pusherRoutes = group("client.pushers", [
  route("GET /_matrix/client/v3/pushers", {
    servlet: "PushersRestServlet",
    aliases,
    auth: "user",
    handle: ({ app, requester }) => listPushers(app, requester.userId),
  }),
  route("POST /_matrix/client/v3/pushers/set", {
    servlet: "PushersSetRestServlet",
    aliases,
    auth: "user",
    body: object({
      kind: nullable(string()),
      app_id: string(),
      pushkey: string(),
      app_display_name: optional(string()),
      device_display_name: optional(string()),
      profile_tag: optional(nullable(string())),
      lang: optional(string()),
      data: optional(anyObject()),
      append: optional(boolean()),
      "org.matrix.msc3881.enabled": optional(boolean()),
    }),
    handle: async ({ app, requester, body }) => {
      await setPusher(app, requester, body);
      return {};
    },
  }),
]);
