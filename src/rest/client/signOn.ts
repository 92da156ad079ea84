import { MatrixError, missingParam } from "../../errors";
import { casPurpose, completeCas } from "../../handlers/auth/signOn/cas";
import type { BrowserAnswer } from "../../handlers/auth/signOn/pages";
import { noSignOn, requireSignOn } from "../../handlers/auth/signOn/signOn";
import { object, optional, string } from "../../lib/schema";
import { html, redirect } from "../reply";
import type { Reply } from "../reply";
import { group, route } from "../route";

const prefixes = ["api/v1", "r0", "unstable"] as const;
const target = object({ redirectUrl: optional(string()) });

const show = (answer: BrowserAnswer): Reply => ("location" in answer ? redirect(answer.location) : html(answer.page, answer.status));

function needed(redirectUrl: string | undefined): string {
  if (redirectUrl === undefined) throw missingParam("Missing string query parameter redirectUrl");
  return redirectUrl;
}

/** Where providers other than CAS send browsers, and pages on the way. */
const pages = [
  "oidc/callback",
  "saml2/authn_response",
  "pick_idp",
  "pick_username",
  "pick_username/check",
  "new_user_consent",
  "sso_register",
];

export const signOnRoutes = group("client.signOn", [
  route("GET /_matrix/client/v3/login/:kind(sso|cas)/redirect", {
    servlet: "SsoRedirectServlet",
    aliases: prefixes,
    auth: "none",
    query: target,
    handle: ({ app, query }) => redirect(requireSignOn(app).loginUrl(undefined, needed(query.redirectUrl))),
  }),
  route("GET /_matrix/client/v3/login/sso/redirect/:idpId", {
    servlet: "SsoRedirectServlet",
    aliases: ["r0"],
    auth: "none",
    query: target,
    handle: ({ app, params, query }) => redirect(requireSignOn(app).loginUrl(params.idpId, needed(query.redirectUrl))),
  }),
  route("GET /_matrix/client/v3/login/cas/ticket", {
    servlet: "CasTicketServlet",
    aliases: prefixes,
    auth: "none",
    query: object({ redirectUrl: optional(string()), ticket: optional(string()), session: optional(string()) }),
    handle: async ({ app, query }) => {
      if (!app.config.cas_config.enabled) throw noSignOn();
      if (query.ticket === undefined) throw missingParam("Missing string query parameter ticket");
      return show(await completeCas(app, query.ticket, casPurpose(query)));
    },
  }),
  ...pages.map((page) =>
    route(`GET /_synapse/client/${page}`, {
      servlet: "SsoPageResource",
      auth: "none",
      handle: () => {
        throw noSignOn();
      },
    }),
  ),
  route("GET /_matrix/client/v1/auth_metadata", {
    servlet: "AuthMetadataServlet",
    auth: "none",
    handle: () => {
      // The specification's answer of a server that keeps its accounts itself.
      throw new MatrixError(404, "M_UNRECOGNIZED", "Legacy authentication is in use on this homeserver.");
    },
  }),
]);
