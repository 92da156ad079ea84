import { pingAppservice } from "../../handlers/appservices/ask";
import { listInNetwork } from "../../handlers/rooms/publicRooms";
import { object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;

export const appserviceRoutes = group("client.appservices", [
  route("POST /_matrix/client/v1/appservice/:appserviceId/ping", {
    servlet: "AppservicePingRestServlet",
    aliases: ["unstable", "/_matrix/client/unstable/fi.mau.msc2659/appservice/:appserviceId/ping"],
    auth: "appservice",
    body: optional(object({ transaction_id: optional(string()) })),
    handle: ({ app, requester, params, body }) => pingAppservice(app, requester, params.appserviceId, body?.transaction_id),
  }),
  route("PUT /_matrix/client/v3/directory/list/appservice/:networkId/:roomId", {
    servlet: "ClientAppserviceDirectoryListServer",
    aliases: prefixes,
    auth: "appservice",
    body: object({ visibility: optional(oneOf("public", "private")) }),
    handle: async ({ app, requester, params, body }) => {
      await listInNetwork(app, requester, params, body.visibility ?? "public");
      return {};
    },
  }),
  route("DELETE /_matrix/client/v3/directory/list/appservice/:networkId/:roomId", {
    servlet: "ClientAppserviceDirectoryListServer",
    aliases: prefixes,
    auth: "appservice",
    handle: async ({ app, requester, params }) => {
      await listInNetwork(app, requester, params, "private");
      return {};
    },
  }),
]);
