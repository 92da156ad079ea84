import type { Config } from "../../../config/config";
import { MatrixError } from "../../../errors";
import type { AccountsApp } from "../accounts";
import { hasAttributes, readCasReply } from "./casReply";
import type { CasReply } from "./casReply";
import { completeLogin, completeReauthentication } from "./complete";
import type { ExternalUser } from "./externalUsers";
import { toLocalpart } from "./localpart";
import { failed } from "./pages";
import type { BrowserAnswer } from "./pages";

export const CAS_PROVIDER = "cas";

/** What the user signs on for: a client that waits for a token, or a session of user-interactive authentication. */
export type CasPurpose = { readonly redirectUrl: string } | { readonly session: string };

/** Where the CAS server sends the browser with a ticket. At validation it compares the whole address, so that both are made here. */
function serviceUrl(config: Config, purpose: CasPurpose): string {
  const [name, value] = "redirectUrl" in purpose ? ["redirectUrl", purpose.redirectUrl] : ["session", purpose.session];
  return `${config.derived.publicBaseurl}_matrix/client/r0/login/cas/ticket?${name}=${encodeURIComponent(value)}`;
}

const serverUrl = ({ cas_config: { server_url: url = "" } }: Config): string => url.replace(/\/+$/, "");

/** Where the browser signs on. */
export function casLoginUrl(config: Config, purpose: CasPurpose): string {
  return `${serverUrl(config)}/login?service=${encodeURIComponent(serviceUrl(config, purpose))}`;
}

async function validate(app: AccountsApp, ticket: string, purpose: CasPurpose): Promise<CasReply> {
  const path = app.config.cas_config.protocol_version === 3 ? "/p3/proxyValidate" : "/proxyValidate";
  const query = `ticket=${encodeURIComponent(ticket)}&service=${encodeURIComponent(serviceUrl(app.config, purpose))}`;
  return readCasReply(await app.accounts.web.getText(`${serverUrl(app.config)}${path}?${query}`));
}

function externalUser({ cas_config: cas }: Config, reply: Extract<CasReply, { user: string }>): ExternalUser {
  const localpart = toLocalpart(reply.user);
  const isNumeric = /^[0-9]+$/.test(localpart);
  const [displayname] = cas.displayname_attribute === undefined ? [] : (reply.attributes.get(cas.displayname_attribute) ?? []);
  return {
    authProvider: CAS_PROVIDER,
    externalId: reply.user,
    localpart: isNumeric && cas.allow_numeric_ids ? `${cas.numeric_ids_prefix}${localpart}` : localpart,
    displayname: displayname === "" ? undefined : displayname,
    registration: cas.enable_registration ? "open" : "closed",
  };
}

/** GET /login/cas/ticket: the browser is back from the CAS server. */
export async function completeCas(app: AccountsApp, ticket: string, purpose: CasPurpose): Promise<BrowserAnswer> {
  let reply: CasReply;
  try {
    reply = await validate(app, ticket, purpose);
  } catch (error) {
    app.accounts.onError(error);
    return failed(app, 502, "The server where you signed on did not answer as it should. Please try again later.");
  }
  if ("code" in reply) return failed(app, 401, `The server where you signed on does not confirm it: ${reply.message || reply.code}`);
  if (!hasAttributes(reply.attributes, app.config.cas_config.required_attributes))
    return failed(app, 403, "You are not allowed to use this server.");
  const user = externalUser(app.config, reply);
  return "session" in purpose ? completeReauthentication(app, user, purpose.session) : completeLogin(app, user, purpose.redirectUrl);
}

/** Reads the query of the callback. Throws 400 M_MISSING_PARAM. */
export function casPurpose({
  redirectUrl,
  session,
}: {
  readonly redirectUrl?: string | undefined;
  readonly session?: string | undefined;
}): CasPurpose {
  if (session !== undefined) return { session };
  if (redirectUrl !== undefined) return { redirectUrl };
  throw new MatrixError(400, "M_MISSING_PARAM", "Missing string query parameter redirectUrl or session");
}
