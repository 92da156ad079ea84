import { badJson, forbidden, limitExceeded, MatrixError, missingParam } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { completeRegistrationToken } from "../../storage/registrationTokens";
import { upgradeGuest } from "../../storage/registrations";
import { deleteThreepidSessions } from "../../storage/threepidSessions";
import { addThreepid, getThreepidOwner } from "../../storage/threepids";
import { getUiaSession, updateUiaSession } from "../../storage/uiaSessions";
import type { AccountsApp } from "../auth/accounts";
import { checkPasswordPolicy } from "../auth/passwordPolicy";
import { runUia } from "../auth/uia/engine";
import type { UiaOutcome } from "../auth/uia/engine";
import { splitAuth } from "../auth/uia/reauth";
import { addMailPusher } from "../push/mailPushers";
import type { HttpRequest } from "../request";
import { checkAvailable, checkName } from "./availability";
import { createAccount, createNumberedAccount, userInUse } from "./createAccount";
import type { AccountRequest } from "./createAccount";
import { removeAllDevices } from "./devices";
import { registrationFlows } from "./registrationFlows";
import { createSession, sessionBody } from "./sessions";
import type { Session, SessionRequest } from "./sessions";
import { isAddressAllowed } from "./threepidSessions";
import { qualify } from "./usernames";

type RegisterRequest = Pick<HttpRequest, "method" | "path" | "ip">;

const text = (params: JsonObject, name: string): string | undefined => {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw badJson(`Invalid ${name}`);
  return value;
};

/** What the client wants to be logged in as; undefined with inhibit_login. */
export function sessionRequestOf(params: JsonObject): SessionRequest | undefined {
  if (params["inhibit_login"] === true) return undefined;
  const deviceId = text(params, "device_id");
  const displayName = text(params, "initial_device_display_name");
  return {
    kind: params["refresh_token"] === true ? "refreshable" : "lasting",
    ...(deviceId !== undefined && { deviceId }),
    ...(displayName !== undefined && { displayName }),
  };
}

export const registrationBody = (app: AccountsApp, userId: string, session: Session | undefined): JsonObject =>
  session ? sessionBody(app.serverName, session) : { user_id: userId, home_server: app.serverName };

/** The addresses that stages proved. Throws where one may not be used, or is somebody else's by now. */
async function provenAddresses(app: AccountsApp, completed: UiaOutcome["completed"]) {
  const proven = ["m.login.email.identity", "m.login.msisdn"].flatMap((stage) => {
    const result = completed[stage];
    if (typeof result !== "object" || result === null || Array.isArray(result)) return [];
    const medium = result["medium"] === "email" ? ("email" as const) : ("msisdn" as const);
    return [{ medium, address: String(result["address"]), validatedAt: Number(result["validated_at"]), sid: result["sid"] }];
  });
  for (const { medium, address } of proven) {
    if (!isAddressAllowed(app, medium, address)) {
      throw new MatrixError(403, "M_THREEPID_DENIED", `Third party identifiers (email/phone numbers) are not authorized on this server`);
    }
    if ((await getThreepidOwner(app.db, medium, address)) !== undefined) {
      throw new MatrixError(400, "M_THREEPID_IN_USE", `${medium === "email" ? "Email" : "Phone number"} is already in use`);
    }
  }
  return proven;
}

async function upgrade(
  app: AccountsApp,
  userId: string,
  passwordHash: string,
  session: SessionRequest | undefined,
): Promise<Session | undefined> {
  if (!(await upgradeGuest(app.db, userId, passwordHash))) throw userInUse();
  await removeAllDevices(app, userId);
  return session && createSession(app, userId, session);
}

/** Once all stages are complete: makes the account, and remembers in the session that it is made. */
async function finish(app: AccountsApp, outcome: UiaOutcome, passwordHash: string): Promise<JsonObject> {
  const { completed, params, session: uia } = outcome;
  const proven = await provenAddresses(app, completed);
  const localpart = text(params, "username")?.toLowerCase();
  const guestToken = text(params, "guest_access_token");
  const session = sessionRequestOf(params);
  const { msc3866 } = app.config.experimental_features;
  const approval = msc3866.enabled && msc3866.require_approval_for_new_accounts ? "wait" : "given";
  const account: AccountRequest = {
    passwordHash,
    approval,
    ...("m.login.terms" in completed && app.config.user_consent && { consentVersion: app.config.user_consent.version }),
    ...(session && approval === "given" && { session }),
  };
  let userId: string;
  let made: Session | undefined;
  if (localpart === undefined) ({ userId, session: made } = await createNumberedAccount(app, account));
  else {
    userId = qualify(localpart, app.serverName);
    checkName(app, localpart, guestToken);
    const owner = guestToken === undefined ? "nobody" : await checkAvailable(app, localpart, guestToken);
    made = owner === "guest" ? await upgrade(app, userId, passwordHash, session) : await createAccount(app, userId, account);
  }
  const token = completed["m.login.registration_token"];
  const now = app.clock.now();
  await Promise.all([
    uia.stored && updateUiaSession(app.db, uia.id, { serverDict: { registered_user_id: userId } }),
    typeof token === "string" && completeRegistrationToken(app.db, token),
    deleteThreepidSessions(
      app.db,
      proven.flatMap(({ sid }) => (typeof sid === "string" ? [sid] : [])),
    ),
    ...proven.map(({ medium, address, validatedAt }) => addThreepid(app.db, { medium, address, userId, validatedAt, addedAt: now })),
  ]);
  for (const { medium, address } of proven) if (medium === "email") await addMailPusher(app, userId, address);
  await app.hooks.userRegistered(userId, { isGuest: false });
  if (approval === "wait") {
    throw new MatrixError(
      403,
      "ORG.MATRIX.MSC3866_USER_AWAITING_APPROVAL",
      "This account needs to be approved by an administrator before it can be used.",
    );
  }
  return registrationBody(app, userId, made);
}

/**
 * POST /register for people. Throws 403 when registration is off, 400 M_INVALID_USERNAME, M_USER_IN_USE, M_EXCLUSIVE and
 * M_PASSWORD_*, UiaIncomplete while stages are missing, 429.
 */
export async function registerUser(app: AccountsApp, body: JsonObject, request: RegisterRequest): Promise<JsonObject> {
  if (!app.rateLimiter.allows("rc_registration", request.ip)) throw limitExceeded(1_000);
  if (!app.config.enable_registration) throw forbidden("Registration has been disabled");
  const { auth, rest } = splitAuth(body);
  const { password: _password, ...clientDict } = rest;
  const password = text(rest, "password");
  const username = text(rest, "username");
  const sid = auth?.["session"];
  const known = typeof sid === "string" ? await getUiaSession(app.db, sid) : undefined;
  const already = known?.serverDict["registered_user_id"];
  const storedHash = known?.serverDict["password_hash"];
  if (username !== undefined && already === undefined) {
    const guestToken = text(rest, "guest_access_token");
    checkName(app, username.toLowerCase(), guestToken);
    // Whoever completes everything in one request learns of a taken name when the account is made.
    if (auth?.["type"] === undefined) await checkAvailable(app, username.toLowerCase(), guestToken);
  }
  if (password !== undefined && storedHash === undefined) checkPasswordPolicy(app.config.password_config.policy, password);
  let hashing: Promise<string> | undefined;
  const hash = (): Promise<string> => (hashing ??= app.accounts.passwords.hash(password ?? ""));

  const outcome = await runUia(app, registrationFlows(app.config), {
    ...request,
    auth,
    clientDict,
    description: "register a new account",
    ...(password !== undefined && { remember: async () => ({ password_hash: await hash() }) }),
  });
  if (typeof already === "string") {
    const session = sessionRequestOf(outcome.params);
    return registrationBody(app, already, session && (await createSession(app, already, session)));
  }
  await app.accounts.monthlyActive.check("new user");
  app.rateLimiter.check("rc_registration", request.ip);
  if (typeof storedHash === "string") return finish(app, outcome, storedHash);
  if (password === undefined) throw missingParam("Missing params: password");
  return finish(app, outcome, await hash());
}
