import { missingParam } from "../../errors";
import { changeProfile, readProfile, readProfileField } from "../../handlers/profile";
import { own } from "../../lib/json";
import { anyObject } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;

export const profileRoutes = group("client.profile", [
  route("GET /_matrix/client/v3/profile/:userId", {
    servlet: "ProfileRestServlet",
    aliases: prefixes,
    auth: "optional",
    handle: ({ app, requester, params }) => readProfile(app, requester, params.userId),
  }),
  route("GET /_matrix/client/v3/profile/:userId/:field", {
    servlet: "ProfileFieldRestServlet",
    aliases: [...prefixes, "unstable/uk.tcpip.msc4133"],
    auth: "optional",
    handle: ({ app, requester, params }) => readProfileField(app, requester, params.userId, params.field),
  }),
  route("PUT /_matrix/client/v3/profile/:userId/:field", {
    servlet: "ProfileFieldRestServlet",
    aliases: [...prefixes, "unstable/uk.tcpip.msc4133"],
    auth: "guest",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      const value = own(body, params.field);
      if (value === undefined) throw missingParam(`Missing key '${params.field}'`);
      await changeProfile(app, requester, params.userId, params.field, value);
      return {};
    },
  }),
  route("DELETE /_matrix/client/v3/profile/:userId/:field", {
    servlet: "ProfileFieldRestServlet",
    aliases: [...prefixes, "unstable/uk.tcpip.msc4133"],
    auth: "user",
    handle: async ({ app, requester, params }) => {
      await changeProfile(app, requester, params.userId, params.field, undefined);
      return {};
    },
  }),
]);
