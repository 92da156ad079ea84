import { MatrixError, unrecognized } from "../../errors";
import { login, loginFlows } from "../../handlers/account/login";
import { createLoginToken } from "../../handlers/account/shortTokens";
import { confirmIdentity } from "../../handlers/auth/uia/reauth";
import { boolean, maybe, openObject, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { uiaField } from "../uiaField";

const prefixes = ["api/v1", "r0", "unstable"] as const;

const text = maybe(string());
const loginBody = openObject({
  identifier: maybe(openObject({ type: optional(string()) })),
  user: text,
  medium: text,
  address: text,
  password: text,
  token: text,
  device_id: text,
  initial_device_display_name: text,
  refresh_token: maybe(boolean()),
});

export const loginRoutes = group("client.login", [
  route("GET /_matrix/client/v3/login", {
    servlet: "LoginRestServlet",
    aliases: prefixes,
    auth: "none",
    handle: ({ app }) => ({ flows: loginFlows(app) }),
  }),
  route("POST /_matrix/client/v3/login", {
    servlet: "LoginRestServlet",
    aliases: prefixes,
    auth: "none",
    body: loginBody,
    handle: ({ app, body, request }) => login(app, body, request),
  }),
]);

/** A token may be had about once a minute. */
const tokenLimit = { per_second: 1 / 60, burst_count: 1 };

export const loginTokenRoutes = group("client.loginToken", [
  route("POST /_matrix/client/v1/login/get_token", {
    servlet: "LoginTokenRequestServlet",
    aliases: ["/_matrix/client/unstable/org.matrix.msc3882/login/token"],
    auth: "user",
    body: optional(openObject({ auth: uiaField })),
    handle: async ({ app, requester, body = {}, request }) => {
      const { enabled, require_ui_auth: confirm, token_timeout: lifetime } = app.config.login_via_existing_session;
      if (!enabled) throw unrecognized();
      if (requester.appservice) throw new MatrixError(403, "M_FORBIDDEN", "Application services have no use for login tokens");
      if (confirm) await confirmIdentity(app, requester, { request, body, description: "grant access to your account", reuse: "never" });
      app.rateLimiter.check("rc_login.account", `get_token ${requester.userId}`, { override: tokenLimit });
      return { login_token: await createLoginToken(app, requester.userId, lifetime), expires_in_ms: lifetime };
    },
  }),
]);
