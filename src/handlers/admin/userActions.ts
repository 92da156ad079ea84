import { invalidParam, notFound } from "../../errors";
import { crossSigningKeysOf } from "../../storage/crossSigning";
import { featuresOf, setFeatures, setKeysReplaceableUntil, setMessageLimit } from "../../storage/adminUsers";
import type { MessageLimit } from "../../storage/adminUsers";
import { getUser } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import { deactivateAccount } from "../account/deactivate";
import { changeFlags } from "../account/flags";
import { setPassword } from "../account/password";
import { createPuppetToken } from "../account/sessions";
import type { App } from "../app";
import { userFeatures } from "../features";
import type { Requester } from "../requester";
import { checkOwn, checkUserId, refuse, requireOwn } from "./targets";

export type OwnLimit = MessageLimit;

/** So long new cross-signing keys need no proof, once that was allowed. */
const KEYS_REPLACEABLE_MS = 600_000;

/** `GET /users/{userId}/admin`. */
export async function isAdmin(app: App, userId: string): Promise<boolean> {
  checkOwn(app, userId, "Only local users can be admins of this homeserver");
  return (await getUser(app.db, userId))?.admin ?? false;
}

/** `PUT /users/{userId}/admin`. Nobody takes it from themselves. */
export async function setAdmin(app: App, requester: Requester, userId: string, admin: boolean): Promise<void> {
  checkOwn(app, userId, "Only local users can be admins of this homeserver");
  if (userId === requester.userId && !admin) throw refuse("You may not demote yourself.");
  await changeFlags(app, userId, { admin });
}

/** `PUT /suspend/{userId}`. */
export async function suspend(app: App, userId: string, suspended: boolean): Promise<void> {
  await requireOwn(app, userId, { foreign: "Can only suspend local users" });
  await changeFlags(app, userId, { suspended });
}

/** `POST` and `DELETE /users/{userId}/shadow_ban`: what the user does reaches nobody, and they do not notice. */
export async function shadowBan(app: App, userId: string, shadowBanned: boolean): Promise<void> {
  checkOwn(app, userId, "Only local users can be shadow-banned");
  await changeFlags(app, userId, { shadowBanned });
}

/** `POST /deactivate/{userId}`. Gives what became of addresses at identity servers. */
export async function deactivate(app: App, requester: Requester, userId: string, erase: boolean): Promise<"success" | "no-support"> {
  await requireOwn(app, userId, { foreign: "Can only deactivate local users" });
  const { unbound } = await deactivateAccount(app, userId, { erase, requestedBy: requester.userId });
  return unbound ? "success" : "no-support";
}

/** A password as an administrator gives it. */
export interface NewPassword {
  readonly password: string;
  readonly logoutDevices: boolean;
}

/** `POST /reset_password/{userId}`. */
export async function resetPassword(app: App, requester: Requester, userId: string, wanted: NewPassword): Promise<void> {
  checkUserId(userId);
  if (!(await getUser(app.db, userId))) throw notFound("Unknown user");
  await givePassword(app, requester, userId, wanted);
}

/** Administrators who give themselves one stay logged in where they are. */
export async function givePassword(app: App, requester: Requester, userId: string, wanted: NewPassword): Promise<void> {
  const hash = await app.accounts.passwords.hash(wanted.password);
  const keep = userId === requester.userId ? requester : undefined;
  await setPassword(app, userId, hash, { devices: wanted.logoutDevices ? "others" : "none", ...(keep && { keep }) });
}

/** `POST /users/{userId}/login`: a token to act as the user, until a time (ms). No device is made. */
export async function loginAs(app: App, requester: Requester, userId: string, validUntilTs: number | undefined): Promise<string> {
  await requireOwn(app, userId, { foreign: "Only local users can be logged in as" });
  if (userId === requester.userId) throw refuse("Cannot use admin API to login as self");
  return createPuppetToken(app, userId, requester.userId, validUntilTs);
}

/** The user's own limit, or nothing. */
export async function readLimit(app: App, userId: string): Promise<OwnLimit | undefined> {
  const { messagesPerSecond, burstCount } = await requireOwn(app, userId);
  return messagesPerSecond === null ? undefined : { messagesPerSecond, burstCount: burstCount ?? 0 };
}

/** undefined: the user is limited as everybody again. */
export async function changeLimit(app: App, userId: string, limit: OwnLimit | undefined): Promise<void> {
  await requireOwn(app, userId, { foreign: "Only local users can be ratelimited" });
  for (const value of limit ? [limit.messagesPerSecond, limit.burstCount] : []) {
    if (value < 0) throw invalidParam(`${value} parameter must be a positive int`);
  }
  await changeAccounts(app, async (tx) => {
    await setMessageLimit(tx, userId, limit);
    return { value: undefined, accounts: [{ userId, what: "account" as const }] };
  });
}

/** Lets a user replace their cross-signing keys without proof for a while. Gives until when (ms). 404 for those who have none. */
export async function allowNewKeys(app: App, userId: string): Promise<number> {
  checkUserId(userId);
  const keys = await crossSigningKeysOf(app.db, [userId]);
  if (!keys.some(({ usage }) => usage === "master")) throw notFound("User has no master cross-signing key");
  const until = app.clock.now() + KEYS_REPLACEABLE_MS;
  await setKeysReplaceableUntil(app.db, userId, until);
  return until;
}

/** `GET /experimental_features/{userId}`: what was switched on for this user. */
export async function readFeatures(app: App, userId: string): Promise<Record<string, boolean>> {
  checkOwn(app, userId, "User must be local to check what experimental features are enabled.");
  const own = new Map((await featuresOf(app.db, userId)).map(({ feature, enabled }) => [feature, enabled]));
  return Object.fromEntries(userFeatures.map((name) => [name, own.get(name) ?? false]));
}

/** `PUT /experimental_features/{userId}`. */
export async function changeFeatures(app: App, userId: string, wanted: Readonly<Record<string, boolean>>): Promise<void> {
  checkOwn(app, userId, "User must be local to enable experimental features.");
  const unknown = Object.keys(wanted).find((name) => !userFeatures.some((known) => known === name));
  if (unknown !== undefined) throw refuse(`'${unknown}' is not recognised as a valid experimental feature.`);
  await setFeatures(app.db, userId, wanted);
}
