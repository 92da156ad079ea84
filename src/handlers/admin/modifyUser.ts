import { MatrixError, badJson, invalidParam, missingParam } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { replaceExternalIds } from "../../storage/externalIds";
import type { ExternalIdRow } from "../../storage/externalIds";
import { getThreepids, takeThreepid } from "../../storage/threepids";
import { getUser } from "../../storage/users";
import type { UserFlags } from "../../storage/users";
import { checkName } from "../account/availability";
import { createAccount } from "../account/createAccount";
import { deactivateAccount } from "../account/deactivate";
import { changeFlags } from "../account/flags";
import { reactivateAccount } from "../account/reactivate";
import { dropThreepid } from "../account/threepids";
import { knownUserTypes } from "../account/userTypes";
import type { App } from "../app";
import { canonicalAddress } from "../auth/identifiers";
import { changeProfile } from "../profile";
import { addMailPusher } from "../push/mailPushers";
import type { Requester } from "../requester";
import { localpartOf } from "../../rooms/ids";
import { checkOwn, refuse } from "./targets";
import { givePassword } from "./userActions";
import { readUser } from "./users";

interface Address {
  readonly medium: "email" | "msisdn";
  readonly address: string;
}

/** What is wanted of an account; what is absent stays as it is. */
interface Wishes {
  readonly password?: string;
  readonly logoutDevices: boolean;
  readonly displayname?: string;
  readonly avatarUrl?: string;
  readonly threepids?: readonly Address[];
  readonly externalIds?: readonly ExternalIdRow[];
  readonly deactivated?: boolean;
  readonly flags: Pick<UserFlags, "admin" | "locked" | "userType" | "approved">;
}

const MAX_PASSWORD = 512;

function flag(body: JsonObject, name: string, wrong = refuse(`'${name}' parameter is not of type boolean`)): boolean | undefined {
  const value = own(body, name);
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong;
}

function text(body: JsonObject, name: string): string | undefined {
  const value = own(body, name);
  if (value === undefined || typeof value === "string") return value;
  throw invalidParam(`'${name}' must be a string`);
}

/** A list of objects with two texts each. */
function pairs(body: JsonObject, list: string, names: readonly [string, string]): [string, string][] | undefined {
  const value: JsonValue = own(body, list) ?? null;
  if (value === null) return undefined;
  if (!Array.isArray(value)) throw invalidParam(`'${list}' must be a list`);
  return value.map((item): [string, string] => {
    const [a, b] = names.map((name) => (isJsonObject(item) ? own(item, name) : undefined));
    const missing = names.filter((name) => !isJsonObject(item) || own(item, name) === undefined);
    if (missing.length > 0) throw missingParam(`Missing params: [${missing.map((name) => `'${name}'`).join(", ")}]`);
    if (typeof a !== "string" || typeof b !== "string") throw invalidParam(`'${list}' must hold texts`);
    return [a, b];
  });
}

function addresses(body: JsonObject): Address[] | undefined {
  return pairs(body, "threepids", ["medium", "address"])?.map(([medium, address]) => {
    if (medium !== "email" && medium !== "msisdn") throw invalidParam(`'${medium}' is not a valid value for 'medium'`);
    return { medium, address: canonicalAddress(medium, address) };
  });
}

/** Checks all of a request before anything is done. */
function readWishes(app: App, body: JsonObject): Wishes {
  const { config } = app;
  const password = own(body, "password");
  const isPassword = typeof password === "string" && [...password].length <= MAX_PASSWORD;
  if (password !== undefined && password !== null && !isPassword) throw refuse("Invalid password");
  const userType = own(body, "user_type");
  if (userType !== undefined && userType !== null && !knownUserTypes(config).includes(String(userType))) throw refuse("Invalid user type");
  const admin = flag(body, "admin", badJson("Param 'admin' must be a boolean, if given"));
  const deactivated = flag(body, "deactivated");
  const locked = flag(body, "locked");
  if (deactivated && locked) throw refuse("An user can't be deactivated and locked");
  const approved = config.experimental_features.msc3866.enabled ? flag(body, "approved") : undefined;
  const displayname = text(body, "displayname");
  const avatarUrl = text(body, "avatar_url");
  const threepids = addresses(body);
  const externalIds = pairs(body, "external_ids", ["auth_provider", "external_id"])?.map(([authProvider, externalId]) => ({
    authProvider,
    externalId,
  }));
  return {
    logoutDevices: flag(body, "logout_devices") ?? true,
    ...(typeof password === "string" && { password }),
    ...(displayname !== undefined && { displayname }),
    ...(avatarUrl !== undefined && { avatarUrl }),
    ...(threepids && { threepids }),
    ...(externalIds && { externalIds }),
    ...(deactivated !== undefined && { deactivated }),
    flags: {
      ...(admin !== undefined && { admin }),
      ...(locked !== undefined && { locked }),
      ...(approved !== undefined && { approved }),
      ...(userType !== undefined && { userType: userType === null ? null : String(userType) }),
    },
  };
}

/** `PUT /v2/users/{userId}`: makes the account or changes it. Gives which, and the account as it is then. */
export async function putUser(
  app: App,
  requester: Requester,
  userId: string,
  body: JsonObject,
): Promise<{ isNew: boolean; user: JsonObject }> {
  checkOwn(app, userId, "This endpoint can only be used with local users");
  const wishes = readWishes(app, body);
  if (wishes.flags.admin === false && userId === requester.userId) throw refuse("You may not demote yourself.");
  const known = await getUser(app.db, userId);
  if (known) await change(app, requester, userId, wishes, known.deactivated);
  else await make(app, requester, userId, wishes);
  return { isNew: !known, user: await readUser(app, userId) };
}

async function make(app: App, requester: Requester, userId: string, wishes: Wishes): Promise<void> {
  checkName(app, localpartOf(userId));
  const { password, displayname, avatarUrl, threepids, externalIds, flags } = wishes;
  await createAccount(app, userId, {
    admin: flags.admin ?? false,
    approval: flags.approved === false ? "wait" : "given",
    ...(password !== undefined && { passwordHash: await app.accounts.passwords.hash(password) }),
    ...(typeof flags.userType === "string" && { userType: flags.userType }),
    ...(displayname !== undefined && { displayname }),
  });
  if (threepids) await setAddresses(app, userId, threepids, "new user");
  if (externalIds) await setExternalIds(app, userId, externalIds);
  if (avatarUrl !== undefined) await changeProfile(app, requester, userId, "avatar_url", avatarUrl);
  await app.hooks.userRegistered(userId, { isGuest: false });
}

async function change(app: App, requester: Requester, userId: string, wishes: Wishes, isDeactivated: boolean): Promise<void> {
  const { password, displayname, avatarUrl, threepids, externalIds, deactivated, flags } = wishes;
  if (displayname !== undefined) await changeProfile(app, requester, userId, "displayname", displayname);
  if (threepids) await setAddresses(app, userId, threepids, "known user");
  if (externalIds) await setExternalIds(app, userId, externalIds);
  if (avatarUrl !== undefined) await changeProfile(app, requester, userId, "avatar_url", avatarUrl);
  if (Object.keys(flags).length > 0) await changeFlags(app, userId, flags);
  if (password !== undefined) await givePassword(app, requester, userId, { password, logoutDevices: wishes.logoutDevices });
  if (deactivated === true && !isDeactivated) await deactivateAccount(app, userId, { erase: false, requestedBy: requester.userId });
  if (deactivated === false && isDeactivated) await reactivateAccount(app, userId);
}

/** Takes addresses from whoever had them, as administrators may, and those that are not named from the user. */
async function setAddresses(app: App, userId: string, wanted: readonly Address[], whose: "new user" | "known user"): Promise<void> {
  const before = await getThreepids(app.db, [userId]);
  const among = (list: readonly Address[], { medium, address }: Address): boolean =>
    list.some((other) => other.medium === medium && other.address === address);
  for (const gone of before) if (!among(wanted, gone)) await dropThreepid(app, userId, gone, undefined);
  const now = app.clock.now();
  for (const { medium, address } of wanted) {
    if (among(before, { medium, address })) continue;
    await takeThreepid(app.db, { medium, address, userId, validatedAt: now, addedAt: now });
    if (medium === "email" && whose === "new user") await addMailPusher(app, userId, address);
  }
}

async function setExternalIds(app: App, userId: string, wanted: readonly ExternalIdRow[]): Promise<void> {
  const isFree = await app.db.tx((tx) => replaceExternalIds(tx, userId, wanted));
  if (!isFree) throw new MatrixError(409, "M_UNKNOWN", "External id is already in use.");
}
