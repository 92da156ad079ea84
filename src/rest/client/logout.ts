import { forbidden } from "../../errors";
import { logout, removeAllDevices } from "../../handlers/account/devices";
import { refreshTokens } from "../../handlers/account/refresh";
import { object, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["api/v1", "r0", "unstable"] as const;

export const logoutRoutes = group("client.logout", [
  route("POST /_matrix/client/v3/logout", {
    servlet: "LogoutRestServlet",
    aliases: prefixes,
    auth: "guest",
    allow: ["locked", "suspended", "expired"],
    handle: async ({ app, requester }) => {
      await logout(app, requester);
      return {};
    },
  }),
  route("POST /_matrix/client/v3/logout/all", {
    servlet: "LogoutAllRestServlet",
    aliases: prefixes,
    auth: "guest",
    allow: ["locked", "suspended", "expired"],
    handle: async ({ app, requester }) => {
      await removeAllDevices(app, requester.userId);
      return {};
    },
  }),
  route("POST /_matrix/client/v3/refresh", {
    servlet: "RefreshTokenServlet",
    aliases: ["r0", "unstable", "/_matrix/client/unstable/org.matrix.msc2918.refresh_token/refresh", "v1"],
    auth: "none",
    body: object({ refresh_token: string() }),
    handle: ({ app, body }) => refreshTokens(app, body.refresh_token),
  }),
  route("POST /_matrix/client/v3/tokenrefresh", {
    servlet: "TokenRefreshRestServlet",
    aliases: ["r0", "unstable"],
    auth: "none",
    handle: () => {
      throw forbidden("tokenrefresh is no longer supported");
    },
  }),
]);
