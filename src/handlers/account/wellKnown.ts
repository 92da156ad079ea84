import type { Config } from "../../config/config";
import type { JsonObject } from "../../lib/json";

/** GET /.well-known/matrix/client; undefined where the operator gave no public_baseurl. */
export function clientWellKnown(config: Config): JsonObject | undefined {
  if (config.public_baseurl === undefined) return undefined;
  const identity = config.default_identity_server;
  return {
    ...config.extra_well_known_client_content,
    "m.homeserver": { base_url: config.derived.publicBaseurl },
    ...(identity !== undefined && { "m.identity_server": { base_url: identity } }),
  };
}

/** GET /.well-known/matrix/server: where federation finds us; undefined unless serve_server_wellknown. */
export function serverWellKnown(config: Config): JsonObject | undefined {
  if (!config.serve_server_wellknown) return undefined;
  const host = config.server_name.replace(/:\d+$/, "");
  return { "m.server": `${host}:443` };
}

/** GET /.well-known/matrix/policy_server: this server checks the events of its own rooms, and is no policy server for others. */
export const policyServerWellKnown = (): undefined => undefined;

/** GET /.well-known/matrix/support, out of admin_contact: a user id, a mail address (mailto:) or a page. */
export function supportWellKnown(config: Config): JsonObject | undefined {
  const contact = config.admin_contact;
  if (contact === undefined) return undefined;
  if (/^https?:\/\//.test(contact)) return { support_page: contact };
  const way = contact.startsWith("@") ? { matrix_id: contact } : { email_address: contact.replace(/^mailto:/, "") };
  return { contacts: [{ role: "m.role.admin", ...way }] };
}
