import { agree, showPolicy } from "../handlers/consent/pages";
import { form, object, optional, string } from "../lib/schema";
import { html } from "./reply";
import { group, route } from "./route";

const fields = { u: optional(string()), h: optional(string()), v: optional(string()) };

export const consentRoutes = group("consent.policy", [
  route("GET /_matrix/consent", {
    servlet: "ConsentResource",
    auth: "none",
    query: object(fields),
    handle: async ({ app, query }) => html(await showPolicy(app, query)),
  }),
  route("POST /_matrix/consent", {
    servlet: "ConsentResource",
    auth: "none",
    query: object(fields),
    body: form(fields),
    handle: async ({ app, query, body }) => html(await agree(app, { ...query, ...body })),
  }),
]);
