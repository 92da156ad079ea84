import { hostOf } from "../../caches/memberships";
import { groupBy } from "../../lib/groupBy";
import { isJsonObject } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { ClaimedKey, KeysWanted } from "../../storage/oneTimeKeys";
import type { KeyClaim } from "../../writers/claimKeys";
import type { App } from "../app";
import { askEach } from "./eachServer";
import { setOwn } from "./query";
import { answerFor, askClaim, patience } from "./remoteUsers";

export type KeyWanted = Omit<KeysWanted, "count">;
type Claimed = Record<string, JsonValue>;

/** POST /keys/claim: one key of each device, here and elsewhere. */
export async function claimKeys(
  app: Pick<App, "clock" | "keys" | "federation" | "serverName">,
  wanted: readonly KeyWanted[],
  timeout: number | undefined,
): Promise<JsonObject> {
  const byHost = groupBy(wanted, ({ userId }) => hostOf(userId));
  const ours = byHost.get(app.serverName) ?? [];
  byHost.delete(app.serverName);
  const [here, elsewhere] = await Promise.all([
    claimOwnKeys(app, ours),
    askEach(app.clock, byHost, patience(timeout), async (host, items, leftMs) =>
      readClaimed(await askClaim(app, host, items, leftMs), items),
    ),
  ]);
  const claimed = [here, ...elsewhere.results].flatMap((answer) => Object.entries(answer));
  return { one_time_keys: Object.fromEntries(claimed), failures: elsewhere.failures };
}

/** Keys of devices of this server: user -> device -> "algorithm:id" -> key. */
export async function claimOwnKeys({ keys }: Pick<App, "keys">, wanted: readonly KeyWanted[]): Promise<Claimed> {
  if (wanted.length === 0) return {};
  const claim: KeyClaim = { wanted, claimed: [] };
  await keys.claimer.submit(claim);
  return byUser(claim.claimed);
}

function byUser(claimed: readonly ClaimedKey[]): Claimed {
  const users: Record<string, Claimed> = {};
  for (const { userId, deviceId, algorithm, keyId, key } of claimed) {
    const devices = (users[userId] ??= {});
    const keys: Claimed = Object.hasOwn(devices, deviceId) ? (devices[deviceId] as Claimed) : {};
    setOwn(keys, `${algorithm}:${keyId}`, JSON.parse(key) as JsonValue);
    setOwn(devices, deviceId, keys);
  }
  return users;
}

/** Of another server's answer what was asked for. */
function readClaimed(answer: JsonObject, wanted: readonly KeyWanted[]): Claimed {
  const users: Claimed = {};
  const items = groupBy(wanted, ({ userId }) => userId);
  for (const [userId, devices] of answerFor(answer, "one_time_keys", items)) {
    const known = new Set(items.get(userId)?.map(({ deviceId }) => deviceId));
    users[userId] = Object.fromEntries(Object.entries(devices).filter(([deviceId, keys]) => known.has(deviceId) && isJsonObject(keys)));
  }
  return users;
}
