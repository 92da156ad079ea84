import type { CachedToken } from "../../caches/accessTokens";
import { forbidden, MatrixError } from "../../errors";
import { markTokenUsed } from "../../storage/accessTokens";
import type { TokenOwner } from "../../storage/accessTokens";
import type { AuthMode, HttpRequest, RestrictedState } from "../request";
import { ownLimitOf } from "../requester";
import type { Requester } from "../requester";
import type { AccountsApp } from "./accounts";
import { noteActivity } from "./accounts";
import { createAppserviceAuth } from "./appserviceAuth";
import { checkRestrictions } from "./restrictions";
import { isGarbled } from "./tokenFormat";

export type ClientAuthMode = Exclude<AuthMode, "none" | "federation" | "replication">;
type AuthRequest = Pick<HttpRequest, "method" | "ip" | "userAgent" | "accessToken" | "query">;
type AuthApp = Pick<AccountsApp, "config" | "db" | "clock" | "accounts" | "serverName">;

export interface ClientAuthenticator {
  /**
   * Whose request this is; undefined only for "optional" without a token. Answers without a promise when the token is cached. Throws
   * 401 M_MISSING_TOKEN and M_UNKNOWN_TOKEN, 403 M_GUEST_ACCESS_FORBIDDEN, M_FORBIDDEN, and what a restricted account gets.
   */
  authenticate(request: AuthRequest, mode: ClientAuthMode, allow: readonly RestrictedState[]): Requester | undefined | Promise<Requester>;
}

export const missingToken = (): MatrixError => new MatrixError(401, "M_MISSING_TOKEN", "Missing access token");

export const unknownToken = (message: string, softLogout: boolean): MatrixError =>
  new MatrixError(401, "M_UNKNOWN_TOKEN", message, { soft_logout: softLogout });

function requesterOf(owner: TokenOwner): Requester {
  return {
    userId: owner.userId,
    deviceId: owner.deviceId ?? undefined,
    accessTokenId: owner.tokenId,
    isGuest: owner.isGuest,
    isAdmin: owner.admin,
    shadowBanned: owner.shadowBanned,
    appservice: undefined,
    ownLimit: ownLimitOf(owner),
    authenticatedEntity: owner.issuedBy ?? owner.userId,
  };
}

function checkMode(requester: Requester, mode: ClientAuthMode): void {
  if (requester.isGuest && mode === "user") throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "Guest access not allowed");
  if (mode === "admin" && !requester.isAdmin) throw forbidden("You are not a server admin");
  if (mode === "appservice" && !requester.appservice) throw forbidden("Only application services can use this");
}

export function createClientAuthenticator(app: AuthApp): ClientAuthenticator {
  const { accounts, clock, db } = app;
  const appservices = createAppserviceAuth(app);
  const requesters = new WeakMap<CachedToken, Requester>();

  function accept(
    cached: CachedToken,
    request: AuthRequest,
    mode: ClientAuthMode,
    allow: readonly RestrictedState[],
  ): Requester | Promise<Requester> {
    const { owner } = cached;
    const now = clock.now();
    if (owner.validUntilTs !== null && owner.validUntilTs < now) throw unknownToken("Access token has expired", true);
    if (owner.deactivated) throw unknownToken("Unrecognised access token", false);
    checkRestrictions(owner, { now, method: request.method, allow });
    let requester = requesters.get(cached);
    if (!requester) requesters.set(cached, (requester = requesterOf(owner)));
    noteActivity(accounts, cached, request);
    checkMode(requester, mode);
    return cached.used ? requester : firstUse(cached, requester);
  }

  /** Once in the life of a token that came with a refresh token: what it was refreshed with is revoked before it counts. */
  async function firstUse(cached: CachedToken, requester: Requester): Promise<Requester> {
    const { tokenId, refreshTokenId } = cached.owner;
    if (refreshTokenId !== null) await markTokenUsed(db, tokenId, refreshTokenId);
    cached.used = true;
    return requester;
  }

  return {
    authenticate(request, mode, allow) {
      const { accessToken } = request;
      if (accessToken === undefined) {
        if (mode === "optional") return undefined;
        throw missingToken();
      }
      const cached = accounts.tokens.get(accessToken);
      if (cached) return accept(cached, request, mode, allow);
      const appservice = appservices.find(accessToken);
      if (appservice) {
        const requester = appservices.requester(appservice, request);
        return requester instanceof Promise
          ? requester.then((found) => (checkMode(found, mode), found))
          : (checkMode(requester, mode), requester);
      }
      if (isGarbled(accessToken)) throw unknownToken("Unrecognised access token", false);
      return accounts.tokens.load(accessToken).then((loaded) => {
        if (!loaded) throw unknownToken("Unrecognised access token", false);
        return accept(loaded, request, mode, allow);
      });
    },
  };
}
