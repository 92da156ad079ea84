import { readRestriction, setRestriction } from "../../handlers/account/restrict";
import { boolean, object } from "../../lib/schema";
import { group, route } from "../route";

export const restrictionRoutes = group("client.restrictions", [
  route("GET /_matrix/client/v1/admin/lock/:userId", {
    servlet: "AccountLockRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ locked: await readRestriction(app, params.userId, "locked") }),
  }),
  route("PUT /_matrix/client/v1/admin/lock/:userId", {
    servlet: "AccountLockRestServlet",
    auth: "admin",
    body: object({ locked: boolean() }),
    handle: async ({ app, requester, params, body }) => {
      await setRestriction(app, requester, params.userId, "locked", body.locked);
      return { locked: body.locked };
    },
  }),
  route("GET /_matrix/client/v1/admin/suspend/:userId", {
    servlet: "AccountSuspendRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => ({ suspended: await readRestriction(app, params.userId, "suspended") }),
  }),
  route("PUT /_matrix/client/v1/admin/suspend/:userId", {
    servlet: "AccountSuspendRestServlet",
    auth: "admin",
    body: object({ suspended: boolean() }),
    handle: async ({ app, requester, params, body }) => {
      await setRestriction(app, requester, params.userId, "suspended", body.suspended);
      return { suspended: body.suspended };
    },
  }),
]);
