import type { JsonObject } from "../../lib/json";
import { getOpenIdUser, insertLoginToken, insertOpenIdToken } from "../../storage/shortTokens";
import type { AccountsApp } from "../auth/accounts";
import { hashToken, newLoginToken } from "../auth/tokenFormat";

const OPENID_LIFETIME_MS = 3_600_000;
/** Of tokens that a sign-on provider's callback hands to the browser. */
export const SIGN_ON_TOKEN_LIFETIME_MS = 120_000;

/** A token for one login with type m.login.token. */
export async function createLoginToken(
  app: Pick<AccountsApp, "db" | "clock" | "random">,
  userId: string,
  lifetimeMs: number,
  provider?: { readonly id: string; readonly sessionId: string | undefined },
): Promise<string> {
  const token = newLoginToken(app.random);
  await insertLoginToken(app.db, {
    tokenHash: hashToken(token),
    userId,
    expiresTs: app.clock.now() + lifetimeMs,
    authProviderId: provider?.id,
    authProviderSessionId: provider?.sessionId,
  });
  return token;
}

/** A token with which somebody else can learn who the user is, over federation (specification: OpenID). */
export async function createOpenIdToken(
  app: Pick<AccountsApp, "db" | "clock" | "random" | "serverName">,
  userId: string,
): Promise<JsonObject> {
  const token = app.random.letters(24);
  await insertOpenIdToken(app.db, { tokenHash: hashToken(token), userId, expiresTs: app.clock.now() + OPENID_LIFETIME_MS });
  return { access_token: token, token_type: "Bearer", matrix_server_name: app.serverName, expires_in: OPENID_LIFETIME_MS / 1000 };
}

/** Whom an OpenID token speaks for, for GET /_matrix/federation/v1/openid/userinfo. */
export async function findOpenIdUser(app: Pick<AccountsApp, "db" | "clock">, token: string): Promise<string | undefined> {
  return getOpenIdUser(app.db, hashToken(token), app.clock.now());
}
