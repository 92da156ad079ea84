import type { App } from "../app";
import type { Requester } from "../requester";

/**
 * Refuses users whom this server does not serve now: 403 M_RESOURCE_LIMIT_EXCEEDED where it is switched off (`hs_disabled`), or has as many
 * active users as it may (`limit_usage_by_mau`) and this is none of them. What the server does by itself it may do.
 */
export async function requireServed({ accounts }: Pick<App, "accounts">, requester: Requester): Promise<void> {
  if (requester.accessTokenId !== undefined || requester.appservice) await accounts.monthlyActive.check(requester);
}
