import type { Db } from "./db";
import { fenceOf } from "./leases";
import type { Fence } from "./leases";

export type PresenceState = "online" | "unavailable" | "offline" | "busy";

/** A user's presence; times in ms since the epoch, 0 for never. */
export interface PresenceRow {
  readonly userId: string;
  readonly state: PresenceState;
  readonly lastActiveTs: number;
  readonly lastFederationUpdateTs: number;
  readonly lastUserSyncTs: number;
  readonly statusMsg: string | null;
  readonly currentlyActive: boolean;
}

/** Writes nothing where the process no longer stands for presence. */
export async function upsertPresence(db: Db, rows: readonly PresenceRow[], fence?: Fence): Promise<void> {
  const { standsFor, instance, epoch } = fenceOf(fence);
  await db`
    insert into presence_states (user_id, state, last_active_ts, last_federation_update_ts, last_user_sync_ts, status_msg, currently_active)
    select * from unnest(${rows.map((r) => r.userId)}::text[], ${rows.map((r) => r.state)}::text[],
                         ${rows.map((r) => r.lastActiveTs)}::int8[], ${rows.map((r) => r.lastFederationUpdateTs)}::int8[], ${rows.map((r) => r.lastUserSyncTs)}::int8[],
                         ${rows.map((r) => r.statusMsg)}::text[], ${rows.map((r) => r.currentlyActive)}::bool[])
    where holds_lease(${standsFor}::text, ${instance}::text, ${epoch}::int8)
    on conflict (user_id) do update set
      state = excluded.state, last_active_ts = excluded.last_active_ts, last_federation_update_ts = excluded.last_federation_update_ts,
      last_user_sync_ts = excluded.last_user_sync_ts, status_msg = excluded.status_msg, currently_active = excluded.currently_active`;
}

export async function getPresence(db: Db, userIds: readonly string[]): Promise<PresenceRow[]> {
  return db<PresenceRow>`
    select user_id as "userId", state, last_active_ts as "lastActiveTs", last_federation_update_ts as "lastFederationUpdateTs",
           last_user_sync_ts as "lastUserSyncTs", status_msg as "statusMsg", currently_active as "currentlyActive"
    from presence_states where user_id = any(${userIds}::text[])`;
}

/** Everybody who was not offline when last written. */
export async function presentUsers(db: Db): Promise<PresenceRow[]> {
  return db<PresenceRow>`
    select user_id as "userId", state, last_active_ts as "lastActiveTs", last_federation_update_ts as "lastFederationUpdateTs",
           last_user_sync_ts as "lastUserSyncTs", status_msg as "statusMsg", currently_active as "currentlyActive"
    from presence_states where state <> 'offline'`;
}
