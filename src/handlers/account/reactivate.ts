import { notFound } from "../../errors";
import { markActive } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";

/**
 * Makes a deactivated account one that can be used, and no longer erased: what its user said is shown whole again. Nobody can log in before
 * it has a password, and rooms, addresses and devices do not come back. Throws 404 for unknown users.
 */
export async function reactivateAccount(app: Pick<AccountsApp, "db" | "streams">, userId: string): Promise<void> {
  const known = await changeAccounts(app, async (tx) => ({
    value: await markActive(tx, userId),
    accounts: [{ userId, what: "account" as const }],
  }));
  if (!known) throw notFound("User not found");
}
