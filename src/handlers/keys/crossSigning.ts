import { badJson, forbidden, invalidParam, missingParam, MatrixError } from "../../errors";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { verifyJson, verifyKeyFromBase64 } from "../../rooms/signing";
import { crossSigningKeysOf, putCrossSigningKeys } from "../../storage/crossSigning";
import type { CrossSigningKeyRow, KeyUsage } from "../../storage/crossSigning";
import { keysReplaceableUntil } from "../../storage/adminUsers";
import { holdUser } from "../../storage/users";
import { changeAccounts } from "../../writers/accountChanges";
import type { AccountsApp } from "../auth/accounts";
import { confirmIdentity } from "../auth/uia/reauth";
import type { HttpRequest } from "../request";
import type { Requester } from "../requester";
import { isSignatures, isTextRecord, keyText } from "./parse";
import { publicPartOf } from "./query";

export const usages = ["master", "self_signing", "user_signing"] as const satisfies readonly KeyUsage[];

/** A cross-signing key of the user (client-server API, "Cross-signing"): one ed25519 key, named after itself. Throws 400. */
export function readCrossSigningKey(userId: string, usage: KeyUsage, key: unknown): JsonObject {
  const name = `${usage}_key`;
  if (!isJsonObject(key)) throw badJson(`${name} must be an object`);
  const { unsigned: _unsigned, ...signed } = key;
  const [allowed, keys, signatures] = [own(signed, "usage"), own(signed, "keys"), own(signed, "signatures")];
  if (own(signed, "user_id") !== userId) throw invalidParam(`${name} has another user_id`);
  if (!Array.isArray(allowed) || !allowed.includes(usage)) throw invalidParam(`${name} is not for ${usage}`);
  if (!isTextRecord(keys) || (signatures !== undefined && !isSignatures(signatures))) throw invalidParam(`Invalid ${name}`);
  const entries = Object.entries(keys as JsonObject);
  const [id, value] = entries[0] ?? [];
  if (entries.length !== 1 || typeof value !== "string" || id !== `ed25519:${value}` || !verifyKeyFromBase64(value))
    throw invalidParam(`Invalid ${name}`);
  keyText(signed);
  return signed;
}

/** Whether the object carries a valid signature of the user by that ed25519 key. */
export function isSignedBy(object: JsonObject, userId: string, publicKey: string, keyId = `ed25519:${publicKey}`): boolean {
  const key = verifyKeyFromBase64(publicKey);
  return key !== undefined && verifyJson(object, { serverName: userId, keyId, key });
}

type Stored = ReadonlyMap<KeyUsage, string>;

async function storedKeys(db: Parameters<typeof crossSigningKeysOf>[0], userId: string): Promise<Stored> {
  return new Map((await crossSigningKeysOf(db, [userId])).map(({ usage, keys }) => [usage, keys]));
}

/** Checks what is uploaded against itself and what is there. Throws 400. */
function readUpload(userId: string, body: JsonObject, stored: Stored): CrossSigningKeyRow[] {
  const rows = usages.flatMap((usage) => {
    const key = own(body, `${usage}_key`);
    return key === undefined || key === null ? [] : [{ usage, key: readCrossSigningKey(userId, usage, key) }];
  });
  if (rows.length === 0) throw missingParam("There are no keys");
  const storedMaster = stored.get("master");
  const master =
    rows[0]?.usage === "master" ? rows[0].key : storedMaster === undefined ? undefined : (JSON.parse(storedMaster) as JsonObject);
  if (!master) throw missingParam("No master key available");
  for (const { usage, key } of rows) {
    if (usage !== "master" && !isSignedBy(key, userId, publicPartOf(master)))
      throw new MatrixError(400, "M_INVALID_SIGNATURE", `${usage}_key is not signed by the master key`);
  }
  return rows.map(({ usage, key }) => ({ userId, usage, keys: keyText(key) }));
}

/**
 * POST /keys/device_signing/upload. The first keys of a user need no proof (MSC3967), nor do keys that are there already; to replace
 * keys the user must prove who they are,
 * unless an administrator let them do without for a while.
 */
export async function uploadCrossSigningKeys(
  app: AccountsApp,
  requester: Requester,
  body: JsonObject,
  request: Pick<HttpRequest, "method" | "path" | "ip">,
): Promise<void> {
  const { userId } = requester;
  const before = await storedKeys(app.db, userId);
  // With `auth` of a session the keys may have come with an earlier request of it.
  const isRepetition = (rows: readonly CrossSigningKeyRow[]): boolean => rows.every(({ usage, keys }) => before.get(usage) === keys);
  const hasKeys = usages.some((usage) => own(body, `${usage}_key`) !== undefined);
  if (hasKeys && isRepetition(readUpload(userId, body, before))) return;
  const isAllowed = ((await keysReplaceableUntil(app.db, userId)) ?? 0) > app.clock.now();
  const mustProve = before.has("master") && !requester.appservice && !isAllowed;
  const description = "reset the device signing key on your account";
  const confirmed = mustProve ? await confirmIdentity(app, requester, { request, body, description, reuse: "never" }) : body;
  await changeAccounts(app, async (tx) => {
    await holdUser(tx, userId);
    const stored = await storedKeys(tx, userId);
    if (stored.has("master") && !before.has("master") && !requester.appservice) throw forbidden("There are cross-signing keys already");
    const changed = (await putCrossSigningKeys(tx, readUpload(userId, confirmed, stored))).map(({ usage }) => usage);
    return {
      value: undefined,
      devices: [
        ...(changed.some((usage) => usage !== "user_signing") ? [{ userId, deviceId: "", what: "cross_signing" as const }] : []),
        ...(changed.includes("user_signing") ? [{ userId, deviceId: "", what: "cross_signing" as const, audience: userId }] : []),
      ],
    };
  });
}
