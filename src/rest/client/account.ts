import { capabilities } from "../../handlers/account/capabilities";
import { deactivateAccount } from "../../handlers/account/deactivate";
import { changePassword } from "../../handlers/account/password";
import { createOpenIdToken } from "../../handlers/account/shortTokens";
import { whois } from "../../handlers/account/whois";
import { describePolicy } from "../../handlers/auth/passwordPolicy";
import { confirmIdentity } from "../../handlers/auth/uia/reauth";
import { forbidden } from "../../errors";
import { anyObject, boolean, maybe, openObject, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { uiaField } from "../uiaField";

const prefixes = ["r0", "unstable"] as const;

export const accountRoutes = group("client.account", [
  route("GET /_matrix/client/v3/account/whoami", {
    servlet: "WhoamiRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ requester }) => ({ user_id: requester.userId, is_guest: requester.isGuest, device_id: requester.deviceId }),
  }),
  route("GET /_matrix/client/v3/capabilities", {
    servlet: "CapabilitiesRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ app }) => ({ capabilities: capabilities(app) }),
  }),
  route("GET /_matrix/client/v3/password_policy", {
    servlet: "PasswordPolicyServlet",
    aliases: prefixes,
    auth: "none",
    handle: ({ app }) => describePolicy(app.config.password_config.policy),
  }),
  route("POST /_matrix/client/v3/account/deactivate", {
    servlet: "DeactivateAccountRestServlet",
    aliases: prefixes,
    auth: "user",
    allow: ["suspended"],
    body: optional(openObject({ auth: uiaField, erase: optional(boolean()), id_server: maybe(string()) })),
    handle: async ({ app, requester, body = {}, request }) => {
      const { erase, id_server: idServer } = body;
      if (!requester.appservice) {
        await confirmIdentity(app, requester, { request, body, description: "deactivate your account", reuse: "never" });
      }
      const { unbound } = await deactivateAccount(app, requester.userId, {
        erase: erase ?? false,
        requestedBy: requester.userId,
        ...(idServer && { idServer }),
      });
      return { id_server_unbind_result: unbound ? "success" : "no-support" };
    },
  }),
]);

export const passwordRoutes = group("client.password", [
  route("POST /_matrix/client/v3/account/password", {
    servlet: "PasswordRestServlet",
    aliases: prefixes,
    auth: "optional",
    allow: ["suspended"],
    body: openObject({ auth: uiaField, logout_devices: optional(boolean()) }),
    handle: async ({ app, requester, body, request }) => {
      await changePassword(app, requester, body, request);
      return {};
    },
  }),
]);

export const openIdRoutes = group("client.openid", [
  route("POST /_matrix/client/v3/user/:userId/openid/request_token", {
    servlet: "IdTokenServlet",
    aliases: prefixes,
    auth: "user",
    body: optional(anyObject()),
    handle: ({ app, requester, params }) => {
      if (params.userId !== requester.userId) throw forbidden("Cannot request tokens for other users.");
      return createOpenIdToken(app, requester.userId);
    },
  }),
]);

export const whoisRoutes = group("client.whois", [
  route("GET /_matrix/client/v3/admin/whois/:userId", {
    servlet: "WhoisRestServlet",
    aliases: ["api/v1", "r0", "unstable", "/_synapse/admin/v1/whois/:userId"],
    auth: "user",
    handle: ({ app, requester, params }) => whois(app, requester, params.userId),
  }),
]);
