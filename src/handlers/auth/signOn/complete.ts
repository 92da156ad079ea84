import { MatrixError } from "../../../errors";
import { getExternalUser } from "../../../storage/externalIds";
import { getProfiles } from "../../../storage/profiles";
import { getUiaSession } from "../../../storage/uiaSessions";
import { getUser } from "../../../storage/users";
import { createLoginToken, SIGN_ON_TOKEN_LIFETIME_MS } from "../../account/shortTokens";
import type { AccountsApp } from "../accounts";
import { completeStage } from "../uia/engine";
import { signedOnAgain } from "../uia/fallback";
import { accountOf } from "./externalUsers";
import type { ExternalUser } from "./externalUsers";
import { askToContinue, deactivated, failed, wrongUser } from "./pages";
import type { BrowserAnswer } from "./pages";

/** Schemes that run or show something inside of the page that leads to them. */
const UNSAFE_SCHEMES = ["javascript:", "data:", "vbscript:", "blob:", "file:", "about:", "filesystem:"];

/** Throws 400 where a client's address is none, or would not leave this page. */
export function checkRedirectUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || UNSAFE_SCHEMES.includes(url.protocol))
    throw new MatrixError(400, "M_INVALID_PARAM", "redirectUrl is not an address of a client");
  return url;
}

function isTrusted(app: AccountsApp, redirectUrl: string): boolean {
  const own = `${app.config.derived.publicBaseurl}_matrix/static/client/login`;
  return [...(app.config.sso.client_whitelist ?? []), own].some((prefix) => redirectUrl.startsWith(prefix));
}

/** Sends the browser back to its client with a token for POST /login, asking first unless the operator trusts the client. */
export async function completeLogin(app: AccountsApp, external: ExternalUser, redirectUrl: string): Promise<BrowserAnswer> {
  const url = checkRedirectUrl(redirectUrl);
  const isNew = (await getExternalUser(app.db, external)) === undefined;
  let userId: string;
  try {
    userId = await accountOf(app, external);
  } catch (error) {
    if (!(error instanceof MatrixError) || error.status >= 500) throw error;
    return failed(app, error.status, error.message);
  }
  if ((await getUser(app.db, userId))?.deactivated !== false) return deactivated(app);
  const token = await createLoginToken(app, userId, SIGN_ON_TOKEN_LIFETIME_MS, { id: external.authProvider, sessionId: undefined });
  // The rest of the query stays as the client wrote it.
  url.search = `${url.search === "" ? "?" : `${url.search}&`}loginToken=${token}`;
  if (isTrusted(app, redirectUrl)) return { location: url.href };
  const [profile] = await getProfiles(app.db, [userId]);
  return askToContinue(app, { userId, isNew, displayname: profile?.displayname ?? null, avatarUrl: profile?.avatarUrl ?? null }, url.href);
}

/** Completes the stage m.login.sso of a session of user-interactive authentication. Whoever is not its user spoils the session. */
export async function completeReauthentication(app: AccountsApp, external: ExternalUser, sessionId: string): Promise<BrowserAnswer> {
  const [session, userId] = await Promise.all([getUiaSession(app.db, sessionId), getExternalUser(app.db, external)]);
  if (!session) return failed(app, 400, "This is too late: nobody waits for it any more.");
  const wanted = session.serverDict["request_user_id"];
  const isSame = userId !== undefined && wanted === userId;
  await completeStage(app, sessionId, "m.login.sso", isSame ? userId : "");
  return isSame ? { status: 200, page: signedOnAgain(app) } : wrongUser(app, typeof wanted === "string" ? wanted : "");
}
