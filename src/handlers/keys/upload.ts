import { badJson, MatrixError } from "../../errors";
import { isJsonObject } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { putDeviceKeys } from "../../storage/deviceKeys";
import type { Db } from "../../storage/db";
import { holdDevice } from "../../storage/devices";
import { insertOneTimeKeys, putFallbackKeys } from "../../storage/oneTimeKeys";
import type { DeviceId, OneTimeKey } from "../../storage/oneTimeKeys";
import { changeAccounts } from "../../writers/accountChanges";
import type { App } from "../app";
import type { Requester } from "../requester";
import { keyCountsOf } from "./counts";
import { isSameKey, readDeviceKeys, readOneTimeKeys } from "./parse";

export interface KeyUpload {
  /** Of the path, as clients of old wrote it; else the device of the token. */
  readonly deviceId: string | undefined;
  readonly deviceKeys: JsonValue | undefined;
  readonly oneTimeKeys: JsonValue | undefined;
  readonly fallbackKeys: JsonValue | undefined;
}

export interface UploadedKeys {
  readonly deviceKeys: string | undefined;
  readonly oneTimeKeys: readonly OneTimeKey[];
  readonly fallbackKeys: readonly OneTimeKey[];
}

/** Checks what a device uploads. Throws 400 M_BAD_JSON. */
export function readUpload(owner: DeviceId, upload: Omit<KeyUpload, "deviceId">): UploadedKeys {
  const { deviceKeys, oneTimeKeys, fallbackKeys } = upload;
  const hasKeys = deviceKeys !== undefined && deviceKeys !== null;
  if (hasKeys && !isJsonObject(deviceKeys)) throw badJson("device_keys must be an object");
  return {
    deviceKeys: isJsonObject(deviceKeys) ? readDeviceKeys(deviceKeys, owner) : undefined,
    oneTimeKeys: readOneTimeKeys("one_time_keys", oneTimeKeys),
    // One for each algorithm: the last one counts.
    fallbackKeys: [...new Map(readOneTimeKeys("fallback_keys", fallbackKeys).map((key) => [key.algorithm, key])).values()],
  };
}

/** Stores keys of a device inside a transaction. Gives whether the identity keys changed. Throws 400 for one-time keys that differ. */
export async function storeUpload(tx: Db, device: DeviceId, upload: UploadedKeys): Promise<boolean> {
  const { deviceKeys, oneTimeKeys, fallbackKeys } = upload;
  const [changed, known] = await Promise.all([
    deviceKeys === undefined ? false : putDeviceKeys(tx, device.userId, device.deviceId, deviceKeys),
    insertOneTimeKeys(tx, device, oneTimeKeys),
    putFallbackKeys(tx, device, fallbackKeys),
  ]);
  for (const old of known) {
    const wanted = oneTimeKeys.find(({ algorithm, keyId }) => algorithm === old.algorithm && keyId === old.keyId);
    if (!wanted || isSameKey(wanted.key, old.key)) continue;
    const id = `${old.algorithm}:${old.keyId}`;
    throw new MatrixError(400, "M_UNKNOWN", `One time key ${id} already exists. Old key: ${old.key}; new key: ${wanted.key}`);
  }
  return changed;
}

/** POST /keys/upload: identity keys, one-time keys and fallback keys of a device. Gives the answer. */
export async function uploadKeys(app: Pick<App, "db" | "streams" | "keys">, requester: Requester, upload: KeyUpload): Promise<JsonObject> {
  const { userId } = requester;
  const deviceId = upload.deviceId ?? requester.deviceId;
  if (deviceId === undefined) throw new MatrixError(400, "M_UNKNOWN", "To upload keys, you must pass device_id when authenticating");
  const device = { userId, deviceId };
  const keys = readUpload(device, upload);
  if (keys.deviceKeys !== undefined || keys.oneTimeKeys.length + keys.fallbackKeys.length > 0) {
    await changeAccounts(app, async (tx) => {
      if (!(await holdDevice(tx, userId, deviceId))) throw new MatrixError(400, "M_UNKNOWN", "There is no such device");
      const isNew = await storeUpload(tx, device, keys);
      const more = keys.oneTimeKeys.length + keys.fallbackKeys.length > 0;
      return {
        value: undefined,
        devices: [...(isNew ? [device] : []), ...(more ? [{ ...device, what: "counts" as const, audience: userId }] : [])],
      };
    });
  }
  return { one_time_key_counts: { ...(await keyCountsOf(app, userId, deviceId)).oneTime } };
}
