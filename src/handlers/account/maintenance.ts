import { groupBy } from "../../lib/groupBy";
import { deleteSupersededTokens } from "../../storage/accessTokens";
import { deleteOldAccountChanges } from "../../storage/accountChanges";
import { findStaleDevices } from "../../storage/devices";
import { deleteOldSeen } from "../../storage/lastSeen";
import { deleteExpiredShortTokens } from "../../storage/shortTokens";
import { deleteOldThreepidSessions } from "../../storage/threepidSessions";
import { deleteOldUiaSessions } from "../../storage/uiaSessions";
import type { AccountsApp } from "../auth/accounts";
import { UIA_SESSION_LIFETIME_MS } from "../auth/uia/engine";
import { removeDevices } from "./devices";

const BATCH = 1_000;
const DAY_MS = 86_400_000;
/** Rows of the accounts stream that are kept: a process that missed more is restarted, not lagging. */
const KEEP_CHANGES = 100_000;

/** Repeats a bounded step until it finds less than a whole batch. */
async function drain(step: () => Promise<number>): Promise<void> {
  while ((await step()) >= BATCH);
}

/** Devices not seen for `delete_stale_devices_after` are logged out, as if their users had done it. */
async function removeStaleDevices(app: AccountsApp): Promise<void> {
  const age = app.config.delete_stale_devices_after;
  if (age === undefined) return;
  const before = app.clock.now() - age;
  await drain(async () => {
    const stale = await findStaleDevices(app.db, before, BATCH);
    for (const [userId, devices] of groupBy(stale, (device) => device.userId)) {
      await removeDevices(
        app,
        userId,
        devices.map(({ deviceId }) => deviceId),
      );
    }
    return stale.length;
  });
}

/** Removes what no longer counts. Run hourly by one process. */
export async function maintainAccounts(app: AccountsApp): Promise<void> {
  const { db, config } = app;
  const now = app.clock.now();
  const seenAge = config.user_ips_max_age;
  await deleteOldUiaSessions(db, now - UIA_SESSION_LIFETIME_MS);
  await deleteOldThreepidSessions(db, now - DAY_MS);
  await deleteExpiredShortTokens(db, now);
  await deleteOldAccountChanges(db, KEEP_CHANGES);
  await drain(() => deleteSupersededTokens(db, now, BATCH));
  if (seenAge !== null) await drain(() => deleteOldSeen(db, now - seenAge, BATCH));
  if (config.limit_usage_by_mau || config.mau_stats_only) await app.accounts.monthlyActive.reap();
  await removeStaleDevices(app);
}
