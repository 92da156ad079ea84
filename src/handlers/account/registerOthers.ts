import type { AppService } from "../../config/appservices";
import { MatrixError, missingParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import type { AccountsApp } from "../auth/accounts";
import { exclusiveOwner, ownsUser } from "../auth/appserviceAuth";
import { createAccount, createNumberedAccount } from "./createAccount";
import { registrationBody, sessionRequestOf } from "./register";
import { qualify } from "./usernames";

const GUEST_DEVICE = "guest_device";

/** POST /register?kind=guest. Of the body only initial_device_display_name counts. Throws 403 M_GUEST_ACCESS_FORBIDDEN, 429. */
export async function registerGuest(app: AccountsApp, body: JsonObject, ip: string): Promise<JsonObject> {
  if (!app.config.allow_guest_access) throw new MatrixError(403, "M_GUEST_ACCESS_FORBIDDEN", "Guest access is disabled");
  await app.accounts.monthlyActive.check("new user");
  app.rateLimiter.check("rc_registration", ip);
  const displayName = body["initial_device_display_name"];
  const { userId, session } = await createNumberedAccount(app, {
    kind: "guest",
    session: {
      kind: "lasting",
      deviceId: GUEST_DEVICE,
      ...(typeof displayName === "string" && { displayName: displayName.slice(0, 100) }),
    },
  });
  await app.hooks.userRegistered(userId, { isGuest: true });
  return registrationBody(app, userId, session);
}

/** POST /register with type m.login.application_service. Throws 400 M_EXCLUSIVE, M_INVALID_USERNAME, M_USER_IN_USE. */
export async function registerAppserviceUser(app: AccountsApp, appservice: AppService, body: JsonObject): Promise<JsonObject> {
  // Older bridges send `user`.
  const localpart = body["username"] ?? body["user"];
  if (typeof localpart !== "string" || localpart === "") throw missingParam("Missing params: ['username']");
  const userId = qualify(localpart, app.serverName);
  // Bridges may use the historical grammar (specification: appendices, user identifiers).
  if (
    !/^[\x21-\x39\x3b-\x7e]+$/.test(localpart) ||
    Buffer.byteLength(userId) > 255 ||
    userId.slice(1) !== `${localpart}:${app.serverName}`
  ) {
    throw new MatrixError(400, "M_INVALID_USERNAME", "Invalid user localpart for this application service.");
  }
  if (!ownsUser(appservice, userId)) throw new MatrixError(400, "M_EXCLUSIVE", "Invalid user localpart for this application service.");
  if (exclusiveOwner(app.config.derived.appServices, userId, appservice)) {
    throw new MatrixError(400, "M_EXCLUSIVE", "This user ID is reserved by an application service.");
  }
  const session = sessionRequestOf(body);
  const made = await createAccount(app, userId, { appserviceId: appservice.id, ...(session && { session }) });
  await app.hooks.userRegistered(userId, { isGuest: false });
  return registrationBody(app, userId, made);
}
