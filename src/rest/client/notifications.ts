import { listNotifications } from "../../handlers/push/notifications";
import { integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const DEFAULT_LIMIT = 50;

export const notificationRoutes = group("client.notifications", [
  route("GET /_matrix/client/v3/notifications", {
    servlet: "NotificationsServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    query: object({ from: optional(string()), limit: optional(integerText()), only: optional(string()) }),
    handle: ({ app, requester, query }) =>
      listNotifications(app, requester, { from: query.from, limit: query.limit ?? DEFAULT_LIMIT, only: query.only }),
  }),
]);
