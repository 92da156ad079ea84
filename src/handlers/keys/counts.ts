import type { JsonValue } from "../../lib/json";
import type { Db } from "../../storage/db";
import { countKeys } from "../../storage/oneTimeKeys";
import type { App } from "../app";

/** What of a device is at hand for others to claim. */
export interface KeyCounts {
  /** Algorithm -> number; signed_curve25519 is always there, as clients of old take a missing count for no news. */
  readonly oneTime: Readonly<Record<string, number>>;
  readonly unusedFallbacks: readonly string[];
}

/** For the cache: devices are "user device". */
export async function loadKeyCounts(db: Db, devices: readonly string[]): Promise<[string, KeyCounts][]> {
  const ids = devices.map((device) => {
    const space = device.indexOf(" ");
    return { userId: device.slice(0, space), deviceId: device.slice(space + 1) };
  });
  const found = new Map(
    devices.map((device) => [device, { oneTime: new Map([["signed_curve25519", 0]]), unusedFallbacks: [] as string[] }]),
  );
  for (const row of await countKeys(db, ids)) {
    const counts = found.get(`${row.userId} ${row.deviceId}`);
    if (row.count > 0) counts?.oneTime.set(row.algorithm, row.count);
    if (row.unusedFallback) counts?.unusedFallbacks.push(row.algorithm);
  }
  return Array.from(found, ([device, { oneTime, unusedFallbacks }]) => [device, { oneTime: Object.fromEntries(oneTime), unusedFallbacks }]);
}

const none: KeyCounts = { oneTime: { signed_curve25519: 0 }, unusedFallbacks: [] };

export async function keyCountsOf({ keys }: Pick<App, "keys">, userId: string, deviceId: string | undefined): Promise<KeyCounts> {
  return deviceId === undefined ? none : ((await keys.counts.load(`${userId} ${deviceId}`)) ?? none);
}

/** The fields of a sync (client-server API, "Extensions to /sync" of end-to-end encryption; MSC2732). */
export function keyCountFields({ oneTime, unusedFallbacks }: KeyCounts): Record<string, JsonValue> {
  return {
    device_one_time_keys_count: { ...oneTime },
    device_unused_fallback_key_types: [...unusedFallbacks],
    "org.matrix.msc2732.device_unused_fallback_key_types": [...unusedFallbacks],
  };
}
