import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { App } from "../app";
import { noKeys, setOwn } from "./query";
import type { DevicesWanted, FoundKeys } from "./query";
import { answerFor, askKeys } from "./remoteUsers";

/** Keys of users of one other server. */
export async function queryRemoteUsers(
  app: Pick<App, "federation">,
  host: string,
  wanted: DevicesWanted,
  timeoutMs: number,
): Promise<FoundKeys> {
  return readAnswer(await askKeys(app, host, wanted, timeoutMs), wanted);
}

/** What another server said, as far as it concerns users asked about and says it of the right ones. */
function readAnswer(answer: JsonObject, wanted: DevicesWanted): FoundKeys {
  const found = noKeys();
  for (const [userId, devices] of answerFor(answer, "device_keys", wanted)) {
    const shown = {};
    for (const [deviceId, keys] of Object.entries(devices)) {
      if (isJsonObject(keys) && own(keys, "user_id") === userId && own(keys, "device_id") === deviceId) setOwn(shown, deviceId, keys);
    }
    found.deviceKeys.set(userId, shown);
  }
  for (const [userId, key] of answerFor(answer, "master_keys", wanted))
    if (own(key, "user_id") === userId) found.masterKeys.set(userId, key);
  for (const [userId, key] of answerFor(answer, "self_signing_keys", wanted))
    if (own(key, "user_id") === userId) found.selfSigningKeys.set(userId, key);
  return found;
}
