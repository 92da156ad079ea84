import { changeToken, createToken, listTokens, readToken, removeToken } from "../../handlers/admin/registrationTokens";
import { booleanText, integer, maybe, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const terms = { uses_allowed: maybe(integer()), expiry_time: maybe(integer()) };
const DEFAULT_LENGTH = 16;

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
    body: object({ token: optional(string()), length: optional(integer()), ...terms }),
    handle: ({ app, body }) =>
      createToken(app, {
        token: body.token,
        length: body.length ?? DEFAULT_LENGTH,
        usesAllowed: body.uses_allowed,
        expiresTs: body.expiry_time,
      }),
  }),
  route("GET /_synapse/admin/v1/registration_tokens/:token", {
    servlet: "RegistrationTokenRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readToken(app, params.token),
  }),
  route("PUT /_synapse/admin/v1/registration_tokens/:token", {
    servlet: "RegistrationTokenRestServlet",
    auth: "admin",
    body: object(terms),
    handle: ({ app, params, body }) => changeToken(app, params.token, { usesAllowed: body.uses_allowed, expiresTs: body.expiry_time }),
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
