import { escapeHtml } from "../../lib/html";

const page = (text: string, more = ""): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Email</title></head>
<body><p>${escapeHtml(text)}</p>${more}</body></html>`;

/** What the link in a mail shows. */
export const emailConfirmed = page("Your email has now been validated, please return to your client. You may now close this window.");
export const emailRefused = (reason: string): string => page(`The request failed for the following reason: ${reason}.`);
export const passwordResetDone = page(
  "Your email has now been validated, please return to your client to reset your password. You may now close this window.",
);

/** Programs that follow links in mails must not reset passwords, so a person has to press a button. */
export function passwordResetQuestion(fields: { readonly token: string; readonly clientSecret: string; readonly sid: string }): string {
  const hidden = Object.entries({ token: fields.token, client_secret: fields.clientSecret, sid: fields.sid })
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
    .join("");
  return page(
    "You have requested to reset your Matrix account password. Click the button below to confirm. If you did not mean to, please close this window: nothing will be changed.",
    `<form method="post">${hidden}<button type="submit">Confirm changing my password</button></form>`,
  );
}
