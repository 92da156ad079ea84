import type { Db } from "./db";

/** A device of a user of another server; keys: JSON text. */
export interface RemoteDevice {
  readonly userId: string;
  readonly deviceId: string;
  readonly displayName: string | null;
  readonly keys: string | null;
}

/** How far a list that is kept here has come. */
export interface RemoteListState {
  readonly streamId: number;
  readonly stale: boolean;
  readonly missed: number;
}

/**
 * Of the users those whose kept list is right: nothing was missed, and they and somebody here have shared a room ever since, so that the
 * other server has told us of every change.
 */
export async function trustedRemoteLists(db: Db, userIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ userId: string }>`
    select l.user_id as "userId" from remote_device_lists l where l.user_id = any(${userIds}::text[]) and not l.stale and exists (
      select 1 from room_members theirs join room_members ours using (room_nid)
      where theirs.user_id = l.user_id and theirs.membership = 'join' and theirs.stream_ordering <= l.shared_at
        and ours.is_local and ours.membership = 'join' and ours.stream_ordering <= l.shared_at)`;
  return rows.map((row) => row.userId);
}

export async function remoteDevicesOf(db: Db, userIds: readonly string[]): Promise<RemoteDevice[]> {
  return db<RemoteDevice>`
    select user_id as "userId", device_id as "deviceId", display_name as "displayName", keys
    from remote_devices where user_id = any(${userIds}::text[]) and keys is not null`;
}

/** A list that is about to be fetched. Gives how often something had been missed until now. */
export async function beginRemoteList(db: Db, userId: string): Promise<number> {
  const rows = await db<{ missed: number }>`
    insert into remote_device_lists (user_id, stream_id, stale) values (${userId}, 0, true)
    on conflict (user_id) do update set user_id = excluded.user_id returning missed`;
  return rows[0]?.missed ?? 0;
}

/** Locks a kept list until the transaction ends. */
export async function holdRemoteList(tx: Db, userId: string): Promise<RemoteListState | undefined> {
  const rows = await tx<RemoteListState>`
    select stream_id as "streamId", stale, missed from remote_device_lists where user_id = ${userId} for update`;
  return rows[0];
}

/** Stores a list that was fetched. The caller holds it. */
export async function replaceRemoteList(
  tx: Db,
  list: { readonly userId: string; readonly streamId: number; readonly sharedAt: number },
  devices: readonly Omit<RemoteDevice, "userId">[],
): Promise<void> {
  await tx`
    update remote_device_lists set stream_id = ${list.streamId}, stale = false, shared_at = ${list.sharedAt} where user_id = ${list.userId}`;
  await tx`delete from remote_devices where user_id = ${list.userId}`;
  await tx`
    insert into remote_devices (user_id, device_id, display_name, keys)
    select ${list.userId}, * from unnest(${devices.map((d) => d.deviceId)}::text[], ${devices.map((d) => d.displayName)}::text[],
      ${devices.map((d) => d.keys)}::text[])
    on conflict do nothing`;
}

/** Moves a list on by one device; without keys the device is gone. The caller holds it. */
export async function changeRemoteDevice(tx: Db, device: RemoteDevice, streamId: number): Promise<void> {
  const { userId, deviceId, displayName, keys } = device;
  await Promise.all([
    tx`update remote_device_lists set stream_id = ${streamId} where user_id = ${userId}`,
    keys === null
      ? tx`delete from remote_devices where user_id = ${userId} and device_id = ${deviceId}`
      : tx`insert into remote_devices (user_id, device_id, display_name, keys) values (${userId}, ${deviceId}, ${displayName}, ${keys})
           on conflict (user_id, device_id) do update set display_name = excluded.display_name, keys = excluded.keys`,
  ]);
}

export async function markRemoteListStale(tx: Db, userId: string): Promise<void> {
  await tx`update remote_device_lists set stale = true, missed = missed + 1 where user_id = ${userId}`;
}

/** Lists to fetch again, of users who are in a room with somebody here; lists of others are dropped. */
export async function staleRemoteLists(db: Db, limit: number): Promise<string[]> {
  const rows = await db<{ userId: string; shared: boolean }>`
    with stale as (
      select l.user_id, exists (
        select 1 from room_members theirs join room_members ours using (room_nid)
        where theirs.user_id = l.user_id and theirs.membership = 'join' and ours.is_local and ours.membership = 'join') as shared
      from remote_device_lists l where l.stale order by random() limit ${limit}
    ), gone as (
      delete from remote_device_lists l using stale where l.user_id = stale.user_id and not stale.shared
    )
    select user_id as "userId", shared from stale`;
  return rows.flatMap(({ userId, shared }) => (shared ? [userId] : []));
}
