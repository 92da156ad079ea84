import type { App } from "../handlers/app";
import { maintainAccounts } from "../handlers/account/maintenance";
import { resyncStaleLists } from "../handlers/keys/remoteLists";
import { resumeStaged } from "../handlers/federation/staging";
import { forgetOldActions } from "../handlers/push/maintenance";
import { deleteExpiredHierarchyPages } from "../storage/hierarchyPages";
import { deleteRepeatedDeviceListChanges } from "../storage/deviceListChanges";
import { purgeRelays } from "../storage/federationRelays";
import { forgetIdleConnections } from "../handlers/slidingSync/connections";
import { purgeToDevice } from "../storage/toDevice";

const RESYNC_MS = 30_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Job {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (app: App) => Promise<unknown>;
}

/** What has to be tidied up now and then. One process does it: the one that stands for `background`. */
const jobs: readonly Job[] = [
  { name: "maintain_accounts", everyMs: HOUR_MS, run: maintainAccounts },
  { name: "purge_to_device", everyMs: HOUR_MS, run: ({ db, clock }) => purgeToDevice(db, clock.now() - DAY_MS, clock.now() - 30 * DAY_MS) },
  { name: "forget_hierarchy_pages", everyMs: HOUR_MS, run: ({ db, clock }) => deleteExpiredHierarchyPages(db, clock.now()) },
  { name: "resync_device_lists", everyMs: RESYNC_MS, run: resyncStaleLists },
  { name: "forget_device_list_changes", everyMs: DAY_MS, run: ({ db }) => deleteRepeatedDeviceListChanges(db, 10_000) },
  { name: "purge_relays", everyMs: DAY_MS, run: ({ db, clock }) => purgeRelays(db, clock.now() - 30 * DAY_MS) },
  { name: "forget_sliding_sync", everyMs: HOUR_MS, run: forgetIdleConnections },
  { name: "resume_staged_pdus", everyMs: MINUTE_MS, run: resumeStaged },
  { name: "forget_push_actions", everyMs: DAY_MS, run: forgetOldActions },
];

/** Starts the timers. Gives the way to stop them. */
export function startMaintenance(app: App): () => void {
  const timers = jobs.map(({ name, everyMs, run }) =>
    setInterval(() => {
      if (app.ownership.isMine("background")) app.background(name, async () => void (await run(app)));
    }, everyMs).unref(),
  );
  return () => timers.forEach(clearInterval);
}
