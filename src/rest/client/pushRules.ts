import { deletePushRule, putPushRule, readPushRules } from "../../handlers/push/rules";
import { anyJson, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const servlet = "PushRuleRestServlet";
const aliases = ["r0", "api/v1", "unstable"] as const;
/** A rule is small; what a user has of them travels in every first sync. */
const maxBody = 64 * 1024;

/** One pattern for all: whether a path ends in a slash decides what it means, and paths that mean nothing are 400, not 404. */
export const pushRuleRoutes = group("client.pushRules", [
  route("GET /_matrix/client/v3/pushrules/:path*", {
    servlet,
    aliases,
    auth: "user",
    handle: ({ app, requester, params }) => readPushRules(app, requester.userId, params.path),
  }),
  route("PUT /_matrix/client/v3/pushrules/:path*", {
    servlet,
    aliases,
    auth: "user",
    query: object({ before: optional(string()), after: optional(string()) }),
    body: anyJson(),
    maxBody,
    handle: async ({ app, requester, params, query, body }) => {
      await putPushRule(app, requester.userId, params.path, body, query);
      return {};
    },
  }),
  route("DELETE /_matrix/client/v3/pushrules/:path*", {
    servlet,
    aliases,
    auth: "user",
    handle: async ({ app, requester, params }) => {
      await deletePushRule(app, requester.userId, params.path);
      return {};
    },
  }),
]);
