import { badJson, invalidParam } from "../../errors";
import { canonicalJson, isCanonicalValue } from "../../lib/canonicalJson";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { fitsId, isUserId } from "../../rooms/ids";
import type { KeysWanted, OneTimeKey } from "../../storage/oneTimeKeys";

/** Clients keep at most a hundred at the server. */
const MAX_KEYS = 1_000;
const MAX_KEY_BYTES = 65_536;

/** The key as it is stored. Numbers that canonical JSON does not know could not have been signed. */
export function keyText(key: JsonValue): string {
  if (!isCanonicalValue(key)) throw badJson("Keys must be canonical JSON");
  const text = canonicalJson(key);
  if (text.length > MAX_KEY_BYTES) throw badJson("A key is too large");
  return text;
}

export const isTextRecord = (value: JsonValue | undefined): boolean =>
  isJsonObject(value) && Object.values(value).every((text) => typeof text === "string");

export function isSignatures(value: JsonValue | undefined): boolean {
  return isJsonObject(value) && Object.values(value).every(isTextRecord);
}

/** Identity keys of a device (client-server API, "Device keys"), as text without `unsigned`. Throws 400 M_BAD_JSON. */
export function readDeviceKeys(keys: JsonObject, owner: { readonly userId: string; readonly deviceId: string }): string {
  const { unsigned: _unsigned, ...signed } = keys;
  const field = (name: string): JsonValue | undefined => own(signed, name);
  if (field("user_id") !== owner.userId) throw badJson("user_id in device_keys is not that of the authenticated user");
  if (field("device_id") !== owner.deviceId) throw badJson("device_id in device_keys is not that of the device");
  const algorithms = field("algorithms");
  if (!Array.isArray(algorithms) || !algorithms.every((name) => typeof name === "string")) throw badJson("algorithms must be strings");
  if (!isTextRecord(field("keys"))) throw badJson("keys must be an object of strings");
  if (!isSignatures(field("signatures"))) throw badJson("signatures must be objects of strings by user");
  return keyText(signed);
}

/** One-time or fallback keys by "algorithm:id". Throws 400 M_BAD_JSON. */
export function readOneTimeKeys(name: string, keys: JsonValue | undefined): OneTimeKey[] {
  if (keys === undefined || keys === null) return [];
  if (!isJsonObject(keys)) throw badJson(`${name} must be an object`);
  const entries = Object.entries(keys);
  if (entries.length > MAX_KEYS) throw badJson(`${name} are too many`);
  return entries.map(([id, key]) => {
    const [algorithm = "", keyId] = [id.slice(0, Math.max(0, id.indexOf(":"))), id.slice(id.indexOf(":") + 1)];
    if (algorithm === "" || !fitsId(id)) throw badJson(`${name} need ids such as signed_curve25519:AAAAAQ`);
    if (typeof key !== "string" && !isJsonObject(key)) throw badJson(`${name} must be strings or objects`);
    if (isJsonObject(key) && typeof own(key, "key") !== "string") throw badJson(`${name} need a key`);
    return { algorithm, keyId, key: keyText(key) };
  });
}

/** What a claim asks for: user -> device -> algorithm. Throws 400. */
export function readKeysWanted(wanted: Readonly<Record<string, Readonly<Record<string, string>>>>): Omit<KeysWanted, "count">[] {
  return Object.entries(wanted).flatMap(([userId, devices]) => {
    if (!isUserId(userId)) throw invalidParam("one_time_keys must be by user id");
    return Object.entries(devices).map(([deviceId, algorithm]) => {
      if (`${deviceId}${algorithm}`.includes("\u0000")) throw invalidParam("Ids have no NUL");
      return { userId, deviceId, algorithm };
    });
  });
}

/** Whether two one-time keys are the same key: signatures do not count, as a client may sign it again. */
export function isSameKey(a: string, b: string): boolean {
  if (a === b) return true;
  const [left, right] = [JSON.parse(a) as JsonValue, JSON.parse(b) as JsonValue];
  if (!isJsonObject(left) || !isJsonObject(right)) return false;
  const bare = ({ signatures: _signatures, ...rest }: JsonObject): string => canonicalJson(rest);
  return bare(left) === bare(right);
}
