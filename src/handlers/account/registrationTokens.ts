import { forbidden } from "../../errors";
import { isRegistrationTokenValid } from "../../storage/registrationTokens";
import type { AccountsApp } from "../auth/accounts";

/** Whether somebody could register with this token now. Throws 403 when nobody can register. */
export async function isRegistrationTokenUsable(app: AccountsApp, token: string): Promise<boolean> {
  if (!app.config.enable_registration) throw forbidden("Registration has been disabled");
  return isRegistrationTokenValid(app.db, token, app.clock.now());
}
