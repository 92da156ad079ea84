import type { AppService } from "../../config/appservices";
import type { App } from "../../handlers/app";
import { keyCountsOf } from "../../handlers/keys/counts";
import { getDevices } from "../../storage/devices";
import type { DeviceListChange } from "../../storage/deviceListChanges";
import type { Feed } from "./feed";
import type { Interest } from "./interest";

type KeysApp = Pick<App, "caches" | "config" | "db" | "keys">;

/** Whether a service is told of devices and keys (MSC3202). */
export function wantsKeys({ config }: Pick<App, "config">, service: AppService): boolean {
  return service.msc3202TransactionExtensions && config.experimental_features.msc3202_transaction_extensions;
}

/** Users of whom keys are told in one transaction. */
const MAX_USERS = 1_000;

/** Users whose devices or keys changed since: the service's own, and those with whom it shares rooms. */
export async function changedUsers(
  app: KeysApp,
  { service, interest, feed }: { readonly service: AppService; readonly interest: Interest; readonly feed: Feed<DeviceListChange> },
  from: number,
): Promise<{ users: string[]; upTo: number; more: boolean }> {
  const page = await feed.after(from);
  const told = page.rows.filter(({ row }) => row.what !== "counts" && (row.audience === null || interest.inUser(service, row.audience)));
  const users = [...new Set(told.map(({ row }) => row.userId))];
  const strangers = users.filter((userId) => !interest.inUser(service, userId));
  const places = await app.caches.memberships.ofUsers(strangers);
  const joined = [...places].flatMap(([userId, rooms]) =>
    [...rooms.values()].filter(({ membership }) => membership === "join").map(({ roomNid }) => ({ userId, roomNid })),
  );
  const near = await interest.inRooms(service, [...new Set(joined.map(({ roomNid }) => roomNid))]);
  const met = new Set(joined.filter(({ roomNid }) => near.has(roomNid)).map(({ userId }) => userId));
  return {
    users: users.filter((userId) => interest.inUser(service, userId) || met.has(userId)),
    upTo: page.upTo,
    more: page.upTo < feed.head(),
  };
}

/** The fields of a transaction for these users of the service's own: what others can claim of each of their devices. JSON text. */
export async function keyFields(app: KeysApp, userIds: ReadonlySet<string>): Promise<string[]> {
  const devices = await getDevices(app.db, [...userIds].slice(0, MAX_USERS));
  if (devices.length === 0) return [];
  const counts: Record<string, Record<string, object>> = {};
  const fallbacks: Record<string, Record<string, readonly string[]>> = {};
  for (const { userId, deviceId } of devices) {
    const { oneTime, unusedFallbacks } = await keyCountsOf(app, userId, deviceId);
    (counts[userId] ??= {})[deviceId] = oneTime;
    (fallbacks[userId] ??= {})[deviceId] = unusedFallbacks;
  }
  const shown = JSON.stringify(counts);
  return [
    `"org.matrix.msc3202.device_one_time_keys_count":${shown}`,
    // The name of the first drafts.
    `"org.matrix.msc3202.device_one_time_key_counts":${shown}`,
    `"org.matrix.msc3202.device_unused_fallback_key_types":${JSON.stringify(fallbacks)}`,
  ];
}

export const deviceListField = (changed: readonly string[]): string =>
  `"org.matrix.msc3202.device_lists":${JSON.stringify({ changed, left: [] })}`;
