import type { App } from "../handlers/app";
import type { Config } from "../config/config";
import { maintainAccounts } from "../handlers/account/maintenance";
import { resyncStaleLists } from "../handlers/keys/remoteLists";
import { resumeStaged } from "../handlers/federation/staging";
import { forgetOldActions } from "../handlers/push/maintenance";
import { joinEnds } from "../handlers/rooms/joinEnds";
import { endExpired, overwriteRedacted } from "../handlers/rooms/overwriting";
import { deleteOldCacheChanges } from "../storage/cacheChanges";
import { forgetFinalised } from "../storage/delayedEvents";
import { deleteOldTasks } from "../storage/adminTasks";
import { letWorkGoOn } from "../storage/heldWork";
import { deleteExpiredHierarchyPages } from "../storage/hierarchyPages";
import { deleteRepeatedDeviceListChanges } from "../storage/deviceListChanges";
import { purgeRelays } from "../storage/federationRelays";
import { forgetIdleConnections } from "../handlers/slidingSync/connections";
import { purgeToDevice } from "../storage/toDevice";

const SECOND_MS = 1_000;
const TASKS_MS = 10_000;
const RESYNC_MS = 30_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Rows of the stream caches that are kept, for processes that missed some. */
const KEEP_CHANGES = 100_000;

interface Job {
  readonly name: string;
  readonly everyMs: number;
  /** Absent: whatever is configured. */
  readonly isWanted?: (config: Config) => boolean;
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
  { name: "resume_admin_tasks", everyMs: TASKS_MS, run: async ({ adminTasks }) => adminTasks.wake() },
  { name: "forget_admin_tasks", everyMs: HOUR_MS, run: ({ db, clock }) => deleteOldTasks(db, clock.now() - DAY_MS) },
  { name: "resume_partial_joins", everyMs: TASKS_MS, run: async ({ partialJoins }) => partialJoins.wake() },
  { name: "resume_staged_pdus", everyMs: TASKS_MS, run: resumeStaged },
  { name: "join_ends_of_rooms", everyMs: MINUTE_MS, run: joinEnds },
  { name: "forget_push_actions", everyMs: DAY_MS, run: forgetOldActions },
  { name: "overwrite_redacted", everyMs: 5 * MINUTE_MS, run: overwriteRedacted },
  { name: "end_expired_messages", everyMs: SECOND_MS, isWanted: (config) => config.enable_ephemeral_messages, run: endExpired },
  { name: "forget_delayed_events", everyMs: HOUR_MS, run: ({ db, clock }) => forgetFinalised(db, clock.now() - 7 * DAY_MS, 1_000) },
  { name: "forget_cache_changes", everyMs: DAY_MS, run: ({ db }) => deleteOldCacheChanges(db, KEEP_CHANGES) },
];

/** Starts the timers. Gives the way to stop them. */
export function startMaintenance(app: App): () => void {
  const wanted = jobs.filter(({ isWanted }) => isWanted?.(app.config) ?? true);
  const running = new Set<Job>();
  /** What takes longer than its interval is not begun a second time. */
  const begin = (job: Job): void => {
    if (running.has(job) || !app.ownership.isMine("background")) return;
    running.add(job);
    app.background(job.name, async () => {
      try {
        await job.run(app);
      } finally {
        running.delete(job);
      }
    });
  };
  app.background("enable_background_updates", () => letWorkGoOn(app.db, "background_updates"));
  const timers = wanted.map((job) => setInterval(begin, job.everyMs, job).unref());
  return () => timers.forEach(clearInterval);
}
