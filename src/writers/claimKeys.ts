import { groupBy } from "../lib/groupBy";
import type { ReplicationLog } from "../replication/log";
import { createStreamWriter } from "../replication/streamWriter";
import type { StreamWriter } from "../replication/streamWriter";
import type { Streams } from "../replication/streams";
import type { Database, Db } from "../storage/db";
import { appendDeviceListChanges } from "../storage/deviceListChanges";
import type { DeviceListChange } from "../storage/deviceListChanges";
import { takeOneTimeKeys, useFallbackKeys } from "../storage/oneTimeKeys";
import type { ClaimedKey, KeysWanted } from "../storage/oneTimeKeys";
import type { StreamRow } from "../storage/streamIds";
import { deviceListsStream } from "../streams/deviceLists";

/** What one request claims, one key of each; `claimed` is filled in. */
export interface KeyClaim {
  readonly wanted: readonly Omit<KeysWanted, "count">[];
  claimed: readonly ClaimedKey[];
}

export type KeyClaimer = StreamWriter<KeyClaim>;

/**
 * Hands out one-time keys, and fallback keys where none is left (client-server API, "One-time and fallback keys"). Any process does
 * this: who gets which key is settled by the database. Claims that wait together share a transaction.
 */
export function createKeyClaimer(deps: { db: Database; streams: Streams; log: ReplicationLog }): KeyClaimer {
  return createStreamWriter<KeyClaim, DeviceListChange>({ stream: deviceListsStream, ...deps, insert: claim });
}

const idOf = ({ userId, deviceId, algorithm }: Omit<KeysWanted, "count">): string => JSON.stringify([userId, deviceId, algorithm]);

async function claim(tx: Db, claims: readonly KeyClaim[]): Promise<StreamRow<DeviceListChange>[]> {
  const wanted = new Map<string, KeysWanted>();
  for (const item of claims.flatMap((each) => each.wanted)) {
    const id = idOf(item);
    wanted.set(id, { ...item, count: (wanted.get(id)?.count ?? 0) + 1 });
  }
  // In one order everywhere, so that two transactions cannot wait for each other.
  const sorted = [...wanted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  const taken = await takeOneTimeKeys(tx, sorted);
  const byId = groupBy(taken, idOf);
  const lacking = sorted.filter((item) => (byId.get(idOf(item))?.length ?? 0) < item.count);
  const fallbacks = await useFallbackKeys(tx, lacking);
  const fallbackOf = new Map(fallbacks.map((key) => [idOf(key), key]));
  for (const each of claims)
    each.claimed = each.wanted.flatMap((item) => byId.get(idOf(item))?.shift() ?? fallbackOf.get(idOf(item)) ?? []);
  const touched = new Map([...taken, ...fallbacks.filter((key) => key.first)].map((key) => [`${key.userId} ${key.deviceId}`, key]));
  return appendDeviceListChanges(
    tx,
    deviceListsStream.lockKey,
    [...touched.values()].map(({ userId, deviceId }) => ({ userId, deviceId, what: "counts" as const, audience: userId })),
  );
}
