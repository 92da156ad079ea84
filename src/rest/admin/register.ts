import { issueNonce, registerWithSecret } from "../../handlers/account/sharedSecret";
import { boolean, nullable, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const body = object({
  nonce: string(),
  username: string(),
  password: string(),
  mac: string(),
  admin: optional(boolean()),
  user_type: optional(nullable(string())),
  displayname: optional(nullable(string())),
  inhibit_login: optional(boolean()),
  refresh_token: optional(boolean()),
});

export const adminRegisterRoutes = group("admin.register", [
  route("GET /_synapse/admin/v1/register", {
    servlet: "UserRegisterServlet",
    auth: "none",
    handle: ({ app }) => ({ nonce: issueNonce(app) }),
  }),
  route("POST /_synapse/admin/v1/register", {
    servlet: "UserRegisterServlet",
    auth: "none",
    body,
    handle: ({ app, body: given }) =>
      registerWithSecret(app, {
        nonce: given.nonce,
        username: given.username,
        password: given.password,
        mac: given.mac,
        admin: given.admin ?? false,
        userType: given.user_type ?? undefined,
        displayname: given.displayname ?? undefined,
        session: given.inhibit_login ? undefined : { kind: given.refresh_token ? "refreshable" : "lasting" },
      }),
  }),
]);
