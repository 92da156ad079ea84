import { changeToken, createToken, listTokens, readToken, removeToken } from "../../handlers/admin/registrationTokens";
import { anyObject, booleanText, object, optional } from "../../lib/schema";
import { group, route } from "../route";

export const registrationTokenRoutes = group("admin.registrationTokens", [
  route("GET /_synapse/admin/v1/registration_tokens", {
    servlet: "ListRegistrationTokensRestServlet",
    auth: "admin",
    query: object({ valid: optional(booleanText()) }),
    handle: async ({ app, query }) => ({ registration_tokens: await listTokens(app, query.valid) }),
  }),
  route("POST /_synapse/admin/v1/registration_tokens/new", {
    servlet: "NewRegistrationTokenRestServlet",
    auth: "admin",
    body: anyObject(),
    handle: ({ app, body }) => createToken(app, body),
  }),
  route("GET /_synapse/admin/v1/registration_tokens/:token", {
    servlet: "RegistrationTokenRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readToken(app, params.token),
  }),
  route("PUT /_synapse/admin/v1/registration_tokens/:token", {
    servlet: "RegistrationTokenRestServlet",
    auth: "admin",
    body: anyObject(),
    handle: ({ app, params, body }) => changeToken(app, params.token, body),
  }),
  route("DELETE /_synapse/admin/v1/registration_tokens/:token", {
    servlet: "RegistrationTokenRestServlet",
    auth: "admin",
    handle: async ({ app, params }) => {
      await removeToken(app, params.token);
      return {};
    },
  }),
]);
