import { badJson, MatrixError } from "../../errors";
import { askAvailable } from "../../handlers/account/availability";
import { registerUser } from "../../handlers/account/register";
import { registerAppserviceUser, registerGuest } from "../../handlers/account/registerOthers";
import { isRegistrationTokenUsable } from "../../handlers/account/registrationTokens";
import { missingToken, unknownToken } from "../../handlers/auth/authenticate";
import { anyObject, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

export const registerRoutes = group("client.register", [
  route("POST /_matrix/client/v3/register", {
    servlet: "RegisterRestServlet",
    aliases: prefixes,
    auth: "none",
    query: object({ kind: optional(string()) }),
    body: anyObject(),
    handle: async ({ app, query, body, request }) => {
      if (query.kind === "guest") return registerGuest(app, body, request.ip);
      if (query.kind !== undefined && query.kind !== "user") {
        throw new MatrixError(400, "M_UNRECOGNIZED", `Do not understand membership kind: ${query.kind}`);
      }
      const { accessToken } = request;
      if (body["type"] === "m.login.application_service") {
        if (accessToken === undefined) throw missingToken();
        const appservice = app.config.derived.appServices.find((service) => service.asToken === accessToken);
        if (!appservice) throw unknownToken("Unrecognised access token", false);
        return registerAppserviceUser(app, appservice, body);
      }
      if (accessToken !== undefined) {
        throw badJson("An access token should not be provided on requests to /register (except if type is m.login.application_service)");
      }
      return registerUser(app, body, request);
    },
  }),
  route("GET /_matrix/client/v3/register/available", {
    servlet: "UsernameAvailabilityRestServlet",
    aliases: prefixes,
    auth: "none",
    query: object({ username: string() }),
    handle: async ({ app, query, request }) => {
      await askAvailable(app, query.username, request.ip);
      return { available: true };
    },
  }),
  route("GET /_matrix/client/v1/register/m.login.registration_token/validity", {
    servlet: "RegistrationTokenValidityRestServlet",
    aliases: ["unstable", "/_matrix/client/unstable/org.matrix.msc3231/register/org.matrix.msc3231.login.registration_token/validity"],
    auth: "none",
    query: object({ token: string() }),
    limit: ({ app, request }) => app.rateLimiter.check("rc_registration_token_validity", request.ip),
    handle: async ({ app, query }) => ({ valid: await isRegistrationTokenUsable(app, query.token) }),
  }),
]);
