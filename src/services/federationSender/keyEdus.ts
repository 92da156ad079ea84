import type { FoundKeys } from "../../handlers/keys/query";
import { own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import type { DeviceUpdate } from "../../storage/deviceListOutbox";
import { eduOf } from "./edus";
import type { Edu } from "./edus";

/**
 * m.device_list_update and m.signing_key_update (server-server API, "Device Management", "End-to-End Encryption"). names: whether other
 * servers may see what devices are called.
 */
export function keyEdus(updates: readonly DeviceUpdate[], found: FoundKeys, names: boolean): Edu[] {
  const before = new Map<string, number>();
  return updates.flatMap((update) => {
    const { userId, deviceId, streamId, sentBefore } = update;
    if (deviceId === "") return signingKeyEdus(userId, found);
    const previous = before.get(userId) ?? sentBefore;
    before.set(userId, streamId);
    return eduOf("m.device_list_update", { ...deviceContent(update, found, names), prev_id: previous === null ? [] : [previous] });
  });
}

/** Each update names the one before it of the same user, so that a server that missed one finds out. */
function deviceContent({ userId, deviceId, streamId, exists, displayName }: DeviceUpdate, found: FoundKeys, names: boolean): JsonObject {
  const content: JsonObject = { user_id: userId, device_id: deviceId, stream_id: streamId };
  if (!exists) return { ...content, deleted: true };
  const keys = own(found.deviceKeys.get(userId) ?? {}, deviceId);
  if (keys !== undefined) content["keys"] = keys;
  if (names && displayName !== null) content["device_display_name"] = displayName;
  return content;
}

/** Under the name of MSC1756 too, which older servers know. */
function signingKeyEdus(userId: string, { masterKeys, selfSigningKeys }: FoundKeys): Edu[] {
  const [master, selfSigning] = [masterKeys.get(userId), selfSigningKeys.get(userId)];
  const content: JsonObject = { user_id: userId };
  if (master !== undefined) content["master_key"] = master;
  if (selfSigning !== undefined) content["self_signing_key"] = selfSigning;
  return [eduOf("m.signing_key_update", content), eduOf("org.matrix.signing_key_update", content)];
}
