import { fallbackPage, submitFallback } from "../../handlers/auth/uia/fallback";
import { form, object, optional, string } from "../../lib/schema";
import { html } from "../reply";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;

export const uiaFallbackRoutes = group("client.uiaFallback", [
  route("GET /_matrix/client/v3/auth/:stage/fallback/web", {
    servlet: "AuthRestServlet",
    aliases: prefixes,
    auth: "none",
    query: object({ session: optional(string()) }),
    handle: async ({ app, params, query }) => html(await fallbackPage(app, params.stage, query.session)),
  }),
  route("POST /_matrix/client/v3/auth/:stage/fallback/web", {
    servlet: "AuthRestServlet",
    aliases: prefixes,
    auth: "none",
    query: object({ session: optional(string()) }),
    body: form({ session: optional(string()), token: optional(string()), "g-recaptcha-response": optional(string()) }),
    handle: async ({ app, params, query, body, request }) =>
      html(await submitFallback(app, params.stage, { ...body, session: body.session ?? query.session }, request.ip)),
  }),
]);
