import type { Config } from "../../config/config";
import { escapeHtml } from "../../lib/html";
import type { Mail } from "../../remote/mailer";
import type { App } from "../app";

/** Why an address is validated. */
export type Purpose = "register" | "password" | "add";

const PATHS: Readonly<Record<Purpose, string>> = {
  register: "_matrix/client/unstable/registration/email/submit_token",
  password: "_synapse/client/password_reset/email/submit_token",
  add: "_matrix/client/unstable/add_threepid/email/submit_token",
};

/** Texts of the mails: what is asked, what the link does, and what to do when one did not ask. */
const TEXTS: Readonly<Record<Purpose, { readonly intro: string; readonly action: string; readonly outro: string }>> = {
  register: {
    intro: "You asked to register an account with this email address.",
    action: "Confirm your email address",
    outro: "If you did not ask for this, you can ignore this email: no account will be made.",
  },
  password: {
    intro: "A password reset was requested for your account.",
    action: "Confirm that you want to reset your password",
    outro: "If this was not you, do not follow the link and make sure that your password is a good one.",
  },
  add: {
    intro: "You asked to add this email address to your account.",
    action: "Confirm your email address",
    outro: "If you did not ask for this, you can ignore this email: the address will not be added.",
  },
};

export function validationLink(
  config: Config,
  purpose: Purpose,
  parts: { readonly token: string; readonly clientSecret: string; readonly sid: string },
): string {
  const query = new URLSearchParams({ token: parts.token, client_secret: parts.clientSecret, sid: parts.sid });
  return `${config.derived.publicBaseurl}${PATHS[purpose]}?${query.toString()}`;
}

/** What Synapse's templates for a purpose are called: `registration.html`, `registration_success.html` ... */
export const templatePrefixes = { register: "registration", password: "password_reset", add: "add_threepid" } as const satisfies Readonly<
  Record<Purpose, string>
>;

export function validationMail({ config, templates }: Pick<App, "config" | "templates">, purpose: Purpose, to: string, link: string): Mail {
  const { intro, action, outro } = TEXTS[purpose];
  const own = (kind: "html" | "txt"): string | undefined =>
    templates.render(`${templatePrefixes[purpose]}.${kind}`, { app_name: config.email?.app_name ?? "Matrix", link });
  const subjects = config.email?.subjects;
  const template =
    (purpose === "password" ? subjects?.password_reset : subjects?.email_validation) ?? "[%(server_name)s] Validate your email";
  const subject = template.replaceAll("%(server_name)s", config.server_name).replaceAll("%(app)s", config.email?.app_name ?? "Matrix");
  return {
    to,
    subject,
    text: own("txt") ?? `${intro}\n\n${action}:\n\n${link}\n\n${outro}\n`,
    html:
      own("html") ??
      `<html><body><p>${escapeHtml(intro)}</p><p><a href="${escapeHtml(link)}">${escapeHtml(action)}</a></p><p>${escapeHtml(outro)}</p></body></html>`,
  };
}
