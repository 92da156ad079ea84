import { escapeHtml } from "../../../lib/html";

/** What a browser that signs on gets next. */
export type BrowserAnswer = { readonly status: number; readonly page: string } | { readonly location: string };

const page = (title: string, body: string): string => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font-family:sans-serif;max-width:32em;margin:3em auto;padding:0 1em}a.button{display:inline-block;padding:.6em 1em;border:1px solid}</style>
</head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;

const text = (line: string): string => `<p>${escapeHtml(line)}</p>`;

export const failed = (status: number, message: string): BrowserAnswer => ({ status, page: page("Signing on failed", text(message)) });

/** Asks before a client, which any link can name, is handed a token of the account. */
export function askToContinue(userId: string, location: string): BrowserAnswer {
  const { protocol, host } = new URL(location);
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
export const askToConfirm = (description: string, provider: string, location: string): string =>
  page(
    "Confirm that it is you",
    `${text(`A client is trying to ${description}. If that is you, sign on with ${provider} once more to confirm it. If not, close this window.`)}
<p><a class="button" href="${escapeHtml(location)}">Continue with ${escapeHtml(provider)}</a></p>`,
  );

export const wrongUser: BrowserAnswer = {
  status: 200,
  page: page(
    "Wrong account",
    text("You signed on as somebody else than the one who has to confirm this. Nothing was done; please try again in your client."),
  ),
};

export const deactivated: BrowserAnswer = { status: 403, page: page("Account deactivated", text("This account has been deactivated.")) };
