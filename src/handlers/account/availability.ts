import { forbidden, limitExceeded, MatrixError } from "../../errors";
import { getUser } from "../../storage/users";
import type { AccountsApp } from "../auth/accounts";
import { exclusiveOwner } from "../auth/appserviceAuth";
import { userInUse } from "./createAccount";
import { checkLocalpart, qualify } from "./usernames";

/** Whether a name may be chosen at all, without a look into the database. Throws 400 M_INVALID_USERNAME or M_EXCLUSIVE. */
export function checkName(app: AccountsApp, localpart: string, guestToken?: string): void {
  checkLocalpart(localpart, {
    serverName: app.serverName,
    numeric: guestToken === undefined ? "reserved" : "allowed",
    underscore: app.config.allow_underscore_prefixed_registration ? "allowed" : "reserved",
  });
  if (exclusiveOwner(app.config.derived.appServices, qualify(localpart, app.serverName))) {
    throw new MatrixError(400, "M_EXCLUSIVE", "This user ID is reserved by an application service.");
  }
}

/**
 * Whether a name is free. A guest may keep the one it has ("guest"), with its access token. Throws 400 M_USER_IN_USE, 403 when the
 * token is not that guest's.
 */
export async function checkAvailable(app: AccountsApp, localpart: string, guestToken?: string): Promise<"nobody" | "guest"> {
  const userId = qualify(localpart, app.serverName);
  const user = await getUser(app.db, userId);
  if (!user) return "nobody";
  if (guestToken === undefined) throw userInUse();
  const token = app.accounts.tokens.get(guestToken) ?? (await app.accounts.tokens.load(guestToken));
  if (!token?.owner.isGuest || token.owner.userId !== userId) {
    throw forbidden("Cannot register taken user ID without valid guest credentials for that user.");
  }
  return "guest";
}

/** GET /register/available. Throws as the two above do; with inhibit_user_in_use_error every well-formed name is said to be free. */
export async function askAvailable(app: AccountsApp, username: string, ip: string): Promise<void> {
  if (!app.config.enable_registration) throw forbidden("Registration has been disabled");
  if (!app.rateLimiter.allows("rc_registration", ip)) throw limitExceeded(1_000);
  const localpart = username.toLowerCase();
  checkName(app, localpart);
  if (!app.config.inhibit_user_in_use_error) await checkAvailable(app, localpart);
}

/** The same for administrators: whether others can register or not, and with the truth. */
export async function askAvailableAsAdmin(app: AccountsApp, username: string): Promise<void> {
  const localpart = username.toLowerCase();
  checkName(app, localpart);
  await checkAvailable(app, localpart);
}
