import { forbidden } from "../../../errors";
import { addExternalId, getExternalUser } from "../../../storage/externalIds";
import { setDisplayName } from "../../../storage/profiles";
import { changeAccounts } from "../../../writers/accountChanges";
import { findPasswords, getUser } from "../../../storage/users";
import { checkName } from "../../account/availability";
import { createAccount } from "../../account/createAccount";
import { qualify } from "../../account/usernames";
import type { AccountsApp } from "../accounts";

/** Somebody who signed on at a provider. */
export interface ExternalUser {
  readonly authProvider: string;
  /** Never changes, unlike what the user is called. */
  readonly externalId: string;
  readonly localpart: string;
  readonly displayname: string | undefined;
  /** Whether an account is made for whoever has none. */
  readonly registration: "open" | "closed";
}

/** Accounts that were there before signing on was turned on belong to whoever has their name at the provider. */
async function findNamesake(app: AccountsApp, userId: string): Promise<string | undefined> {
  const found = await findPasswords(app.db, userId);
  const namesake = found.find((row) => row.userId === userId) ?? (found.length === 1 ? found[0] : undefined);
  const user = namesake && (await getUser(app.db, namesake.userId));
  return user && !user.isGuest && user.appserviceId === null ? user.userId : undefined;
}

async function register(app: AccountsApp, external: ExternalUser): Promise<string> {
  if (external.registration === "closed") throw forbidden("There is no account for you here, and new ones are not made this way.");
  await app.accounts.monthlyActive.check("new user");
  const { msc3866 } = app.config.experimental_features;
  const userId = qualify(external.localpart, app.serverName);
  await createAccount(app, userId, {
    approval: msc3866.enabled && msc3866.require_approval_for_new_accounts ? "wait" : "given",
    ...(external.displayname !== undefined && { displayname: external.displayname }),
  });
  return userId;
}

/**
 * The account of somebody who signed on, made at the first time. Throws MatrixError where they may not have one: 403, 400
 * M_INVALID_USERNAME, M_EXCLUSIVE, M_USER_IN_USE, and 403 M_RESOURCE_LIMIT_EXCEEDED on a full server.
 */
export async function accountOf(app: AccountsApp, external: ExternalUser): Promise<string> {
  const known = await getExternalUser(app.db, external);
  if (known !== undefined) {
    const { displayname } = external;
    if (app.config.sso.update_profile_information && displayname !== undefined) {
      await changeAccounts(app, async (tx) => ({
        value: await setDisplayName(tx, known, displayname),
        accounts: [{ userId: known, what: "profile" }],
      }));
    }
    return known;
  }
  checkName(app, external.localpart);
  const namesake = await findNamesake(app, qualify(external.localpart, app.serverName));
  const userId = namesake ?? (await register(app, external));
  const owner = await addExternalId(app.db, external, userId);
  if (namesake === undefined) await app.hooks.userRegistered(userId, { isGuest: false });
  return owner;
}
