import { notFound } from "../../../errors";
import type { MatrixError } from "../../../errors";
import { getExternalIds } from "../../../storage/externalIds";
import type { AccountsApp, SignOn } from "../accounts";
import { CAS_PROVIDER, casLoginUrl } from "./cas";
import { checkRedirectUrl } from "./complete";

/** How users sign on elsewhere; undefined where no provider is configured. */
export function createSignOn(app: AccountsApp): SignOn | undefined {
  const { config } = app;
  const { cas_config: cas } = config;
  if (!cas.enabled) return undefined;
  const provider = {
    id: CAS_PROVIDER,
    name: cas.idp_name,
    ...(cas.idp_icon !== undefined && { icon: cas.idp_icon }),
    ...(cas.idp_brand !== undefined && { brand: cas.idp_brand }),
  };
  return {
    // Clients of before m.login.sso look for m.login.cas.
    flows: () => [{ type: "m.login.cas" }, { type: "m.login.sso", identity_providers: [provider] }],
    knows: async (userId) => (await getExternalIds(app.db, userId)).some(({ authProvider }) => authProvider === CAS_PROVIDER),
    providerName: cas.idp_name,
    loginUrl(idp, redirectUrl) {
      if (idp !== undefined && idp !== CAS_PROVIDER) throw notFound("Unknown identity provider");
      checkRedirectUrl(redirectUrl);
      return casLoginUrl(config, { redirectUrl });
    },
    reauthenticationUrl: async (session) => casLoginUrl(config, { session }),
  };
}

export const noSignOn = (): MatrixError => notFound("Single sign-on is not configured on this server");

/** Throws 404 M_NOT_FOUND where no provider is configured: the endpoints are known, and what they lead to is not there. */
export function requireSignOn(app: Pick<AccountsApp, "accounts">): SignOn {
  if (!app.accounts.signOn) throw noSignOn();
  return app.accounts.signOn;
}
