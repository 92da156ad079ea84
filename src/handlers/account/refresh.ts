import { MatrixError } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { findRefreshToken, rotateRefreshToken } from "../../storage/refreshTokens";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";
import { hashToken, isGarbled } from "../auth/tokenFormat";
import { lifetimesOf, newTokens } from "./sessions";

const unknown = (message: string, softLogout: boolean): MatrixError =>
  new MatrixError(401, "M_UNKNOWN_TOKEN", message, { soft_logout: softLogout });

/**
 * Exchanges a refresh token for a new pair (POST /refresh). The old one stays good until the new pair is used. Throws 401
 * M_UNKNOWN_TOKEN for tokens that are unknown, used or expired.
 */
export async function refreshTokens(app: AccountsApp, refreshToken: string): Promise<JsonObject> {
  const now = app.clock.now();
  const found = isGarbled(refreshToken) ? undefined : await findRefreshToken(app.db, hashToken(refreshToken));
  if (!found || found.deactivated) throw unknown("Refresh token does not exist", false);
  if (found.replaced) throw unknown("Refresh token isn't valid anymore", true);
  if ((found.expiresTs !== null && found.expiresTs < now) || (found.sessionExpiresTs !== null && found.sessionExpiresTs < now)) {
    throw unknown("The supplied refresh token has expired", true);
  }
  const { userId, deviceId } = found;
  const ends = lifetimesOf(app.config, now, "refreshable", found.sessionExpiresTs ?? undefined);
  const next = newTokens(app.random, userId, "refreshable");
  const rotated = await changeAccounts(app, async (tx) => {
    const value = await rotateRefreshToken(tx, found.id, {
      tokenHash: hashToken(next.refreshToken ?? ""),
      userId,
      deviceId,
      expiresTs: ends.refresh,
      sessionExpiresTs: found.sessionExpiresTs ?? undefined,
      accessTokenHash: hashToken(next.accessToken),
      accessValidUntilTs: ends.access,
    });
    return { value, accounts: value && value.lostTokenIds.length > 0 ? [{ userId, what: "tokens" as const }] : [] };
  });
  if (!rotated) throw unknown("Refresh token isn't valid anymore", true);
  return {
    access_token: next.accessToken,
    refresh_token: next.refreshToken,
    ...(ends.access !== undefined && { expires_in_ms: ends.access - now }),
  };
}
