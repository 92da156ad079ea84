import { createFilter, readFilter } from "../../handlers/filters";
import { anyObject } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

export const filterRoutes = group("client.filters", [
  route("POST /_matrix/client/v3/user/:userId/filter", {
    servlet: "CreateFilterRestServlet",
    aliases: prefixes,
    auth: "guest",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => ({ filter_id: await createFilter(app, requester, params.userId, body) }),
  }),
  route("GET /_matrix/client/v3/user/:userId/filter/:filterId", {
    servlet: "GetFilterRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ app, requester, params }) => readFilter(app, requester, params.userId, params.filterId),
  }),
]);
