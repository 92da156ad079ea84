import { readTags, removeTag, setTag } from "../../handlers/tags";
import { maybe, number, openObject } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

export const tagRoutes = group("client.tags", [
  route("GET /_matrix/client/v3/user/:userId/rooms/:roomId/tags", {
    servlet: "TagListServlet",
    aliases: prefixes,
    auth: "user",
    handle: async ({ app, requester, params }) => ({ tags: await readTags(app, requester, params) }),
  }),
  route("PUT /_matrix/client/v3/user/:userId/rooms/:roomId/tags/:tag", {
    servlet: "TagServlet",
    aliases: prefixes,
    auth: "user",
    body: openObject({ order: maybe(number()) }),
    handle: async ({ app, requester, params, body }) => {
      await setTag(app, requester, params, body);
      return {};
    },
  }),
  route("DELETE /_matrix/client/v3/user/:userId/rooms/:roomId/tags/:tag", {
    servlet: "TagServlet",
    aliases: prefixes,
    auth: "user",
    handle: async ({ app, requester, params }) => {
      await removeTag(app, requester, params);
      return {};
    },
  }),
]);
