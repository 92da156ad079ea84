import { createCache } from "../../caches/cache";
import type { Cache } from "../../caches/cache";
import { createRecentRows } from "../../caches/recentRows";
import type { RecentRows } from "../../caches/recentRows";
import { messageOf } from "../../replication/log";
import type { DeviceListChange } from "../../storage/deviceListChanges";
import { deviceListsStream } from "../../streams/deviceLists";
import { createKeyClaimer } from "../../writers/claimKeys";
import type { KeyClaimer } from "../../writers/claimKeys";
import type { App } from "../app";
import { loadKeyCounts } from "./counts";
import type { KeyCounts } from "./counts";

export interface RecentDeviceChange extends DeviceListChange {
  readonly streamId: number;
}

/** What a process holds of the keys of devices. */
export interface Keys {
  readonly claimer: KeyClaimer;
  /** The newest changes of devices and keys, by user. */
  readonly changes: RecentRows<RecentDeviceChange>;
  /** One-time and fallback keys at hand, by "user device". */
  readonly counts: Cache<string, KeyCounts>;
  /** Users of other servers whose devices are being fetched, and when that is done. */
  readonly resyncing: Map<string, Promise<boolean>>;
}

const REMEMBERED_CHANGES = 50_000;
const MAX_COUNTS = 50_000;

/** Makes what a process needs for the keys of devices. It must be made before the streams start. */
export function createKeys(app: Pick<App, "config" | "db" | "streams" | "notifier" | "caches" | "log">): Keys {
  const { db, streams, config } = app;
  const keys: Keys = {
    claimer: createKeyClaimer({ db, streams, log: app.log("synapse.handlers.e2e_keys") }),
    changes: createRecentRows(() => streams.position(deviceListsStream), REMEMBERED_CHANGES),
    counts: createCache<string, KeyCounts>({
      name: "count_e2e_one_time_keys",
      max: Math.max(1, Math.round(MAX_COUNTS * config.caches.global_factor)),
      load: (devices) => loadKeyCounts(db, devices),
    }),
    resyncing: new Map(),
  };
  follow(app, keys);
  return keys;
}

/** Keeps what is remembered in step with the stream, and wakes whoever shares a room with users whose devices changed. */
function follow({ streams, notifier, caches, log }: Parameters<typeof createKeys>[0], keys: Keys): void {
  streams.subscribe(deviceListsStream, (rows) => {
    const seen = new Set<string>();
    for (const { id, row } of rows) {
      keys.changes.push(row.audience ?? row.userId, { ...row, streamId: id });
      keys.counts.delete(`${row.userId} ${row.deviceId}`);
      if (row.audience === null) seen.add(row.userId);
    }
    if (seen.size === 0 || notifier.idle()) return;
    wakeThoseWhoShare({ notifier, caches }, seen).catch((error: unknown) =>
      log("synapse.handlers.device").warn("cannot tell whom a change of devices concerns", { error: messageOf(error) }),
    );
  });
}

/** Once for each room, however many users changed. */
async function wakeThoseWhoShare({ caches, notifier }: Pick<App, "caches" | "notifier">, userIds: ReadonlySet<string>): Promise<void> {
  const rooms = new Set<string>();
  for (const places of (await caches.memberships.ofUsers([...userIds])).values()) {
    for (const place of places.values()) if (place.membership === "join") rooms.add(place.roomId);
  }
  notifier.wake(deviceListsStream.name, { rooms: [...rooms] });
}
