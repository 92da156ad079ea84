import { escapeHtml } from "../../../lib/html";
import type { App } from "../../app";

type PagesApp = Pick<App, "config" | "templates">;

/** What a browser that signs on gets next. */
export type BrowserAnswer = { readonly status: number; readonly page: string } | { readonly location: string };

const page = (title: string, body: string): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font-family:sans-serif;max-width:32em;margin:3em auto;padding:0 1em}a.button{display:inline-block;padding:.6em 1em;border:1px solid}</style>
</head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;

const text = (line: string): string => `<p>${escapeHtml(line)}</p>`;

/** Names of errors for templates, as Synapse has them where it has the same. */
const errorNames: Readonly<Record<number, string>> = {
  400: "invalid_session",
  401: "unauthorised",
  403: "unauthorised",
  502: "fetch_error",
};

export const failed = ({ templates }: PagesApp, status: number, message: string): BrowserAnswer => ({
  status,
  page:
    templates.render("sso_error.html", { error: errorNames[status] ?? "unknown", error_description: message }) ??
    page("Signing on failed", text(message)),
});

interface SignedOn {
  readonly userId: string;
  readonly displayname: string | null;
  readonly avatarUrl: string | null;
  readonly isNew: boolean;
}

/** Asks before a client, which any link can name, is handed a token of the account. */
export function askToContinue({ templates }: PagesApp, user: SignedOn, location: string): BrowserAnswer {
  const { userId, displayname, avatarUrl } = user;
  const { protocol, host } = new URL(location);
  const own = templates.render("sso_redirect_confirm.html", {
    redirect_url: location,
    display_url: location.replace(/[?#][^]*$/, ""),
    new_user: user.isNew,
    user_id: userId,
    user_profile: { display_name: displayname, avatar_url: avatarUrl },
  });
  if (own !== undefined) return { status: 200, page: own };
  const client = host === "" ? protocol : host;
  return {
    status: 200,
    page: page(
      "Continue to your account",
      `${text(`A client at ${client} asks for access to your account ${userId}. Go on only if you know it.`)}
<p><a class="button" href="${escapeHtml(location)}">Continue</a></p>`,
    ),
  };
}

/** Says what an operation is that somebody asks the user to confirm by signing on once more. */
export function askToConfirm({ config, templates }: PagesApp, description: string, location: string): string {
  const { idp_name: provider, idp_icon: icon, idp_brand: brand } = config.cas_config;
  const own = templates.render("sso_auth_confirm.html", {
    description,
    redirect_url: location,
    idp: { idp_id: "cas", idp_name: provider, idp_icon: icon ?? null, idp_brand: brand ?? null },
  });
  return (
    own ??
    page(
      "Confirm that it is you",
      `${text(`A client is trying to ${description}. If that is you, sign on with ${provider} once more to confirm it. If not, close this window.`)}
<p><a class="button" href="${escapeHtml(location)}">Continue with ${escapeHtml(provider)}</a></p>`,
    )
  );
}

export const wrongUser = ({ templates }: PagesApp, userId: string): BrowserAnswer => ({
  status: 200,
  page:
    templates.render("sso_auth_bad_user.html", { user_id_to_verify: userId }) ??
    page(
      "Wrong account",
      text("You signed on as somebody else than the one who has to confirm this. Nothing was done; please try again in your client."),
    ),
});

export const deactivated = ({ templates }: PagesApp): BrowserAnswer => ({
  status: 403,
  page: templates.render("sso_account_deactivated.html", {}) ?? page("Account deactivated", text("This account has been deactivated.")),
});
