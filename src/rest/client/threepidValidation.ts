import { MatrixError } from "../../errors";
import { emailConfirmed, emailRefused, passwordResetQuestion } from "../../handlers/account/emailPages";
import type { Purpose } from "../../handlers/account/threepidMails";
import { requestEmailToken, requestMsisdnToken, submitEmailToken, submitMsisdnToken } from "../../handlers/account/threepidSessions";
import { canonicalPhone } from "../../handlers/auth/identifiers";
import type { App } from "../../handlers/app";
import type { Infer } from "../../lib/schema";
import { form, integer, maybe, object, string } from "../../lib/schema";
import { html, redirect } from "../reply";
import type { Reply } from "../reply";
import { group, route } from "../route";

const prefixes = ["r0", "unstable"] as const;
/** Identity servers once sent the messages: what names one is checked, and not used. */
const common = {
  client_secret: string(),
  send_attempt: integer(),
  next_link: maybe(string()),
  id_server: maybe(string()),
  id_access_token: maybe(string()),
};
const emailBody = object({ email: string(), ...common });
const phoneBody = object({ country: string(), phone_number: string(), ...common });
const submitted = { token: string(), client_secret: string(), sid: string() };

function requestOf(body: { client_secret: string; send_attempt: number; next_link?: string | null }, ip: string) {
  return { clientSecret: body.client_secret, sendAttempt: body.send_attempt, nextLink: body.next_link ?? undefined, ip };
}

const email = (purpose: Purpose) => ({
  auth: "none" as const,
  aliases: prefixes,
  body: emailBody,
  handle: ({ app, body, request }: { app: App; body: Infer<typeof emailBody>; request: { ip: string } }) =>
    requestEmailToken(app, purpose, body.email, requestOf(body, request.ip)),
});

const phone = (purpose: Purpose) => ({
  auth: "none" as const,
  aliases: prefixes,
  body: phoneBody,
  handle: ({ app, body, request }: { app: App; body: Infer<typeof phoneBody>; request: { ip: string } }) => {
    const { country, phone_number: number } = body;
    return requestMsisdnToken(app, purpose, { country, number, address: canonicalPhone(country, number) }, requestOf(body, request.ip));
  },
});

/** What a browser gets that follows the link of a mail. */
async function submit(app: App, purpose: Purpose, given: { token: string; client_secret: string; sid: string }): Promise<Reply> {
  try {
    const { nextLink } = await submitEmailToken(app, { token: given.token, clientSecret: given.client_secret, sid: given.sid });
    return nextLink === undefined ? html(emailConfirmed(app, purpose)) : redirect(new URL(nextLink).href);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status >= 500) throw error;
    return html(emailRefused(app, purpose, error.message), error.status);
  }
}

export const threepidValidationRoutes = group("client.threepidValidation", [
  route("POST /_matrix/client/v3/register/email/requestToken", { servlet: "EmailRegisterRequestTokenRestServlet", ...email("register") }),
  route("POST /_matrix/client/v3/register/msisdn/requestToken", { servlet: "MsisdnRegisterRequestTokenRestServlet", ...phone("register") }),
  route("POST /_matrix/client/v3/account/password/email/requestToken", {
    servlet: "EmailPasswordRequestTokenRestServlet",
    ...email("password"),
  }),
  route("POST /_matrix/client/v3/account/password/msisdn/requestToken", {
    servlet: "MsisdnPasswordRequestTokenRestServlet",
    ...phone("password"),
  }),
  route("POST /_matrix/client/v3/account/3pid/email/requestToken", { servlet: "EmailThreepidRequestTokenRestServlet", ...email("add") }),
  route("POST /_matrix/client/v3/account/3pid/msisdn/requestToken", { servlet: "MsisdnThreepidRequestTokenRestServlet", ...phone("add") }),
  route("GET /_matrix/client/unstable/registration/:medium/submit_token", {
    servlet: "RegistrationSubmitTokenServlet",
    auth: "none",
    query: object(submitted),
    handle: ({ app, params, query }) => {
      if (params.medium !== "email") throw new MatrixError(400, "M_UNKNOWN", "This medium is currently not supported for registration");
      return submit(app, "register", query);
    },
  }),
  route("GET /_matrix/client/unstable/add_threepid/email/submit_token", {
    servlet: "AddThreepidEmailSubmitTokenServlet",
    auth: "none",
    query: object(submitted),
    handle: ({ app, query }) => submit(app, "add", query),
  }),
  route("POST /_matrix/client/unstable/add_threepid/msisdn/submit_token", {
    servlet: "AddThreepidMsisdnSubmitTokenServlet",
    auth: "none",
    body: object(submitted),
    handle: ({ app, body }) => submitMsisdnToken(app, { token: body.token, clientSecret: body.client_secret, sid: body.sid }),
  }),
  route("GET /_synapse/client/password_reset/email/submit_token", {
    servlet: "PasswordResetSubmitTokenResource",
    auth: "none",
    query: object(submitted),
    handle: ({ app, query }) => html(passwordResetQuestion(app, query)),
  }),
  route("POST /_synapse/client/password_reset/email/submit_token", {
    servlet: "PasswordResetSubmitTokenResource",
    auth: "none",
    body: form(submitted),
    handle: ({ app, body }) => submit(app, "password", body),
  }),
]);
