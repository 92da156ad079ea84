import { notFound } from "../../errors";
import { setUserFlags } from "../../storage/users";
import type { UserFlags } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";

/** Changes flags of an account, for administrators; every process learns of it. Throws 404 for unknown users. */
export async function changeFlags(app: Pick<AccountsApp, "db" | "streams">, userId: string, flags: UserFlags): Promise<void> {
  const known = await changeAccounts(app, async (tx) => ({
    value: await setUserFlags(tx, userId, flags),
    accounts: [{ userId, what: "account" as const }],
  }));
  if (!known) throw notFound("User not found");
}
