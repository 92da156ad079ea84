import { forbidden, limitExceeded, MatrixError } from "../../errors";
import { getThreepidOwner } from "../../storage/threepids";
import { findPasswords } from "../../storage/users";
import { qualify, serverOf } from "../account/usernames";
import type { AccountsApp } from "./accounts";
import type { Identifier } from "./identifiers";

const FAILED = "rc_login.failed_attempts";
const MAX_PASSWORD_CHARACTERS = 512;

const wrongPassword = (): MatrixError => forbidden("Invalid username or password");
export const deactivatedError = (): MatrixError => new MatrixError(403, "M_USER_DEACTIVATED", "This account has been deactivated");

type PasswordApp = Pick<AccountsApp, "config" | "db" | "serverName" | "accounts" | "rateLimiter">;

/** The id that an identifier names, maybe in the wrong case; undefined when it can be nobody's here. */
async function resolve(app: PasswordApp, identifier: Identifier): Promise<string | undefined> {
  if (identifier.kind === "threepid") return getThreepidOwner(app.db, identifier.medium, identifier.address);
  const userId = qualify(identifier.user, app.serverName);
  return serverOf(userId) === app.serverName ? userId : undefined;
}

function takeAttempt(app: PasswordApp, key: string): void {
  try {
    app.rateLimiter.check(FAILED, key);
  } catch {
    // The next attempt is refused; this one still learns that it was wrong.
  }
}

async function isRight(
  app: PasswordApp,
  candidate: { readonly userId: string; readonly passwordHash: string | null },
  password: string,
): Promise<boolean> {
  const { config, accounts } = app;
  if (config.password_config.localdb_enabled && candidate.passwordHash !== null) {
    if (await accounts.passwords.verify(password, candidate.passwordHash)) return true;
  }
  for (const check of accounts.listeners.passwordCheckers) if (await check(candidate.userId, password)) return true;
  return false;
}

/**
 * Checks a password and gives the id of its account, in the case in which it was registered. Throws 403 M_FORBIDDEN when it is wrong
 * or there is no such account, 403 M_USER_DEACTIVATED, 429 after too many wrong ones.
 */
export async function checkPassword(app: PasswordApp, identifier: Identifier, password: string): Promise<string> {
  const claimed = await resolve(app, identifier);
  const key = (claimed ?? (identifier.kind === "threepid" ? `${identifier.medium}:${identifier.address}` : identifier.user)).toLowerCase();
  if (!app.rateLimiter.allows(FAILED, key)) throw limitExceeded(1_000);
  if (claimed !== undefined && password.length <= MAX_PASSWORD_CHARACTERS * 2) {
    const found = await findPasswords(app.db, claimed);
    // A name in another case counts when it can be one account only.
    const candidate = found.find(({ userId }) => userId === claimed) ?? (found.length === 1 ? found[0] : undefined);
    if (candidate?.deactivated) throw deactivatedError();
    if (candidate && (await isRight(app, candidate, password))) return candidate.userId;
    if (!candidate && (await isRight(app, { userId: claimed, passwordHash: null }, password))) return claimed;
  }
  takeAttempt(app, key);
  throw wrongPassword();
}
