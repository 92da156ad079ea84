import { notFound } from "../../errors";
import { deleteShortTokensOf } from "../../storage/shortTokens";
import { deleteAllThreepids, getBindings } from "../../storage/threepids";
import { clearProfile, markDeactivated } from "../../storage/users";
import { deleteSeenOf } from "../../storage/lastSeen";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";
import { removeAllDevices } from "./devices";
import { unbindThreepid } from "./identityServers";
import type { IdentityApp } from "./identityServers";

/** Unbinds whatever was bound through this server. Gives whether all identity servers did as asked. */
async function unbindAll(app: AccountsApp & IdentityApp, userId: string, idServer: string | undefined): Promise<boolean> {
  const bindings = await getBindings(app.db, userId);
  const addresses = new Map(bindings.map(({ medium, address }) => [`${medium} ${address}`, { medium, address }]));
  const results = await Promise.allSettled([...addresses.values()].map((threepid) => unbindThreepid(app, userId, threepid, idServer)));
  for (const result of results) if (result.status === "rejected") app.accounts.onError(result.reason);
  return results.every((result) => result.status === "fulfilled" && result.value);
}

/**
 * Ends an account for good: nobody can log in, and its id is never given out again. Leaving rooms and the like is done by whoever
 * listens to App.hooks. Gives whether all third-party addresses were unbound. Throws 404 for unknown users.
 */
export async function deactivateAccount(
  app: AccountsApp & IdentityApp,
  userId: string,
  options: { readonly erase: boolean; readonly requestedBy: string; readonly idServer?: string },
): Promise<{ unbound: boolean }> {
  const known = await changeAccounts(app, async (tx) => ({
    value: await markDeactivated(tx, userId, options.erase ? "erase" : "keep"),
    accounts: [{ userId, what: "account" as const }],
  }));
  if (!known) throw notFound("User not found");
  await removeAllDevices(app, userId);
  const unbound = await unbindAll(app, userId, options.idServer);
  await Promise.all([
    deleteAllThreepids(app.db, userId),
    deleteShortTokensOf(app.db, userId),
    deleteSeenOf(app.db, userId),
    options.erase && clearProfile(app.db, userId),
  ]);
  await app.hooks.userDeactivated(userId, { erase: options.erase, requestedBy: options.requestedBy });
  return { unbound };
}
