import { escapeHtml } from "../../lib/html";
import type { App } from "../app";
import { templatePrefixes } from "./threepidMails";
import type { Purpose } from "./threepidMails";

type PagesApp = Pick<App, "templates">;

const page = (text: string, more = ""): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Email</title></head>
<body><p>${escapeHtml(text)}</p>${more}</body></html>`;

/** What the link in a mail shows. */
export function emailConfirmed({ templates }: PagesApp, purpose: Purpose): string {
  const next = purpose === "password" ? "your client to reset your password" : "your client";
  return (
    templates.render(`${templatePrefixes[purpose]}_success.html`, {}) ??
    page(`Your email has now been validated, please return to ${next}. You may now close this window.`)
  );
}

export function emailRefused({ templates }: PagesApp, purpose: Purpose, reason: string): string {
  const own = templates.render(`${templatePrefixes[purpose]}_failure.html`, { failure_reason: reason });
  return own ?? page(`The request failed for the following reason: ${reason}.`);
}

/** Programs that follow links in mails must not reset passwords, so a person has to press a button. */
export function passwordResetQuestion(
  { templates }: PagesApp,
  fields: { readonly token: string; readonly client_secret: string; readonly sid: string },
): string {
  const { token, client_secret, sid } = fields;
  const own = templates.render("password_reset_confirmation.html", { token, client_secret, sid });
  if (own !== undefined) return own;
  const hidden = Object.entries({ token, client_secret, sid })
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
    .join("");
  return page(
    "You have requested to reset your Matrix account password. Click the button below to confirm. If you did not mean to, please close this window: nothing will be changed.",
    `<form method="post">${hidden}<button type="submit">Confirm changing my password</button></form>`,
  );
}
