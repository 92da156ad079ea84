import { forbidden, MatrixError, missingParam, notFound } from "../../errors";
import type { JsonObject } from "../../lib/json";
import { deleteThreepidSessions } from "../../storage/threepidSessions";
import { getThreepidOwner } from "../../storage/threepids";
import { setPasswordHash } from "../../storage/users";
import type { AccountsApp } from "../auth/accounts";
import { checkPasswordPolicy } from "../auth/passwordPolicy";
import { runUia } from "../auth/uia/engine";
import type { UiaOutcome } from "../auth/uia/engine";
import { checkSameUser, reauthenticationFlows, splitAuth } from "../auth/uia/reauth";
import type { HttpRequest } from "../request";
import type { Requester } from "../requester";
import { removeAllDevices } from "./devices";

/** Whether users may change their password here at all (capability m.change_password). */
export function canChangePassword(app: Pick<AccountsApp, "config">): boolean {
  const { enabled, localdb_enabled: local } = app.config.password_config;
  return enabled !== false && local;
}

/**
 * Sets the hash of a user's password and, with "others", logs out all devices but the one of `keep`. undefined takes the password away.
 */
export async function setPassword(
  app: AccountsApp,
  userId: string,
  passwordHash: string | undefined,
  logout: { readonly devices: "others" | "none"; readonly keep?: Requester },
): Promise<void> {
  await setPasswordHash(app.db, userId, passwordHash);
  if (logout.devices === "none") return;
  const { keep } = logout;
  await removeAllDevices(app, userId, keep && { deviceId: keep.deviceId, tokenId: keep.accessTokenId });
}

async function ownerOfProof(app: AccountsApp, outcome: UiaOutcome): Promise<string> {
  const proof = outcome.completed["m.login.email.identity"];
  if (typeof proof !== "object" || proof === null || Array.isArray(proof)) throw forbidden("Invalid auth");
  const owner = await getThreepidOwner(app.db, "email", String(proof["address"]));
  if (owner === undefined) throw notFound("Email address not found");
  if (typeof proof["sid"] === "string") await deleteThreepidSessions(app.db, [proof["sid"]]);
  return owner;
}

/**
 * POST /account/password: with a session, or by a validated mail address for who forgot it. Throws 403 when passwords are not kept
 * here, M_PASSWORD_*, UiaIncomplete, 404 when nobody has the address.
 */
export async function changePassword(
  app: AccountsApp,
  requester: Requester | undefined,
  body: JsonObject,
  request: Pick<HttpRequest, "method" | "path" | "ip">,
): Promise<void> {
  if (!canChangePassword(app)) throw forbidden("Password change is disabled");
  const { auth, rest } = splitAuth(body);
  const { new_password: given, ...clientDict } = rest;
  if (given !== undefined && typeof given !== "string") throw new MatrixError(400, "M_BAD_JSON", "Invalid password");
  if (given !== undefined) checkPasswordPolicy(app.config.password_config.policy, given);
  let hashing: Promise<string> | undefined;
  const hash = (): Promise<string> => (hashing ??= app.accounts.passwords.hash(given ?? ""));

  let userId = requester?.userId;
  let params = clientDict;
  let storedHash: unknown;
  if (!requester?.appservice) {
    const flows = requester ? await reauthenticationFlows(app, requester.userId) : [["m.login.email.identity"]];
    const outcome = await runUia(app, flows, {
      ...request,
      auth,
      clientDict,
      description: "modify your account password",
      ...(given !== undefined && { remember: async () => ({ password_hash: await hash() }) }),
    });
    if (requester) checkSameUser(outcome, requester.userId);
    else userId = await ownerOfProof(app, outcome);
    ({ params } = outcome);
    storedHash = outcome.session.serverDict["password_hash"];
  }
  if (given === undefined && typeof storedHash !== "string") throw missingParam("Missing params: ['new_password']");
  if (userId === undefined) throw forbidden("Invalid auth");
  await setPassword(app, userId, given === undefined ? String(storedHash) : await hash(), {
    devices: params["logout_devices"] === false ? "none" : "others",
    ...(requester && { keep: requester }),
  });
}
