import { MatrixError, notFound } from "../../../errors";
import { escapeHtml } from "../../../lib/html";
import type { JsonObject } from "../../../lib/json";
import { getUiaSession } from "../../../storage/uiaSessions";
import type { UiaSessionRow } from "../../../storage/uiaSessions";
import type { AccountsApp } from "../accounts";
import { askToConfirm } from "../signOn/pages";
import { completeStage } from "./engine";
import { stages } from "./stages";

const page = (title: string, body: string): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font-family:sans-serif;max-width:32em;margin:3em auto;padding:0 1em}.error{color:#b00}input,button{font-size:1em;padding:.4em}</style>
</head><body>${body}</body></html>`;

/** Tells the client that opened the window that the stage is complete (specification: Fallback). */
const donePage = page(
  "Success",
  `<p>Thank you. You may now close this window and return to the application.</p>
<script>
if (window.onAuthDone) { window.onAuthDone(); } else if (window.opener && window.opener.postMessage) { window.opener.postMessage("authDone", "*"); }
</script>`,
);

const stageDone = ({ templates }: AccountsApp): string => templates.render("auth_success.html", {}) ?? donePage;

/** The same after signing on elsewhere. */
export const signedOnAgain = ({ templates }: AccountsApp): string => templates.render("sso_auth_success.html", {}) ?? donePage;

const termsUrl = ({ config }: AccountsApp): string =>
  `${config.derived.publicBaseurl}_matrix/consent?v=${encodeURIComponent(config.user_consent?.version ?? "")}`;

/** The operator's page for a stage, whose form asks for the same fields. */
function ownPage(app: AccountsApp, type: string, session: string, error: string | undefined): string | undefined {
  const values = { session, myurl: `/_matrix/client/v3/auth/${type}/fallback/web`, ...(error !== undefined && { error }) };
  switch (type) {
    case "m.login.recaptcha":
      return app.templates.render("recaptcha.html", { ...values, sitekey: app.config.recaptcha_public_key ?? "" });
    case "m.login.terms":
      return app.templates.render("terms.html", { ...values, terms_url: termsUrl(app) });
    case "m.login.registration_token":
      return app.templates.render("registration_token.html", values);
  }
  return undefined;
}

function pageOf(app: AccountsApp, type: string, session: string, error?: string): string | undefined {
  const form = formOf(app, type, session, error);
  return form === undefined ? undefined : (ownPage(app, type, session, error) ?? page("Authentication", form));
}

function formOf(app: AccountsApp, type: string, session: string, error: string | undefined): string | undefined {
  const hidden = `<input type="hidden" name="session" value="${escapeHtml(session)}">`;
  const problem = error === undefined ? "" : `<p class="error">${escapeHtml(error)}</p>`;
  switch (type) {
    case "m.login.recaptcha": {
      const key = escapeHtml(app.config.recaptcha_public_key ?? "");
      return `<script src="https://www.recaptcha.net/recaptcha/api.js" async defer></script>
<script>function captchaDone() { document.getElementById("form").submit(); }</script>
<p>Hello! We need to prevent computer programs and other automated things from creating accounts.</p>${problem}
<form id="form" method="post">${hidden}<div class="g-recaptcha" data-sitekey="${key}" data-callback="captchaDone"></div>
<noscript><p>JavaScript is needed for this.</p></noscript></form>`;
    }
    case "m.login.terms": {
      const consent = app.config.user_consent;
      return `<p>Please read the policy below and agree to it to go on.</p>${problem}
<p><a href="${escapeHtml(termsUrl(app))}" target="_blank" rel="noopener">${escapeHtml(consent?.policy_name ?? "")}</a></p>
<form method="post">${hidden}<button type="submit">Agree</button></form>`;
    }
    case "m.login.registration_token":
      return `<p>Please enter a registration token.</p>${problem}
<form method="post">${hidden}<input type="text" name="token" size="40" maxlength="64" autocomplete="off" required>
<button type="submit">Authenticate</button></form>`;
  }
  return undefined;
}

async function requireSession(app: AccountsApp, type: string, session: string | undefined): Promise<UiaSessionRow> {
  if (!stages.get(type)?.isEnabled(app)) throw notFound("Unknown auth stage type");
  if (session === undefined) throw new MatrixError(400, "M_MISSING_PARAM", "No session supplied");
  const found = await getUiaSession(app.db, session);
  if (!found) throw new MatrixError(400, "M_UNKNOWN", "Unknown session");
  return found;
}

/** The page of GET /auth/:stage/fallback/web. Throws 404 for stages without one. */
export async function fallbackPage(app: AccountsApp, type: string, given: string | undefined): Promise<string> {
  const { sessionId, description } = await requireSession(app, type, given);
  const { signOn } = app.accounts;
  if (type === "m.login.sso" && signOn) return askToConfirm(app, description, await signOn.reauthenticationUrl(sessionId));
  const shown = pageOf(app, type, sessionId);
  if (shown === undefined) throw notFound("Unknown auth stage type");
  return shown;
}

/** POST /auth/:stage/fallback/web: checks what was entered, and shows the page again when it is wrong. */
export async function submitFallback(app: AccountsApp, type: string, fields: JsonObject, ip: string): Promise<string> {
  const given = fields["session"];
  const session = await requireSession(app, type, typeof given === "string" ? given : undefined);
  const { sessionId: id } = session;
  const stage = stages.get(type);
  if (!stage || formOf(app, type, id, undefined) === undefined) throw notFound("Unknown auth stage type");
  if (Object.hasOwn(session.completed, type)) return stageDone(app);
  try {
    const auth = { ...fields, response: fields["g-recaptcha-response"] };
    const result = await stage.check(app, auth, { session: { ...session, id, stored: true }, ip });
    await completeStage(app, id, type, result);
    return stageDone(app);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status >= 500) throw error;
    return pageOf(app, type, id, error.message) ?? "";
  }
}
