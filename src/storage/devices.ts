import type { Db } from "./db";

export interface DeviceRow {
  readonly userId: string;
  readonly deviceId: string;
  readonly displayName: string | null;
  readonly createdTs: number;
  readonly lastSeenTs: number | null;
  readonly lastSeenIp: string | null;
  readonly lastSeenUserAgent: string | null;
}

export async function getDevices(db: Db, userIds: readonly string[]): Promise<DeviceRow[]> {
  return db<DeviceRow>`
    select user_id as "userId", device_id as "deviceId", display_name as "displayName", created_ts as "createdTs",
           last_seen_ts as "lastSeenTs", last_seen_ip as "lastSeenIp", last_seen_user_agent as "lastSeenUserAgent"
    from devices where user_id = any(${userIds}::text[]) order by user_id, device_id`;
}

export async function getDevice(db: Db, userId: string, deviceId: string): Promise<DeviceRow | undefined> {
  const rows = await db<DeviceRow>`
    select user_id as "userId", device_id as "deviceId", display_name as "displayName", created_ts as "createdTs",
           last_seen_ts as "lastSeenTs", last_seen_ip as "lastSeenIp", last_seen_user_agent as "lastSeenUserAgent"
    from devices where user_id = ${userId} and device_id = ${deviceId}`;
  return rows[0];
}

/** Makes the device unless it is there; the name of one that is there stays. Gives whether it is new. */
export async function insertDevice(
  db: Db,
  device: { readonly userId: string; readonly deviceId: string; readonly displayName: string | undefined; readonly createdTs: number },
): Promise<boolean> {
  const rows = await db`
    insert into devices (user_id, device_id, display_name, created_ts)
    values (${device.userId}, ${device.deviceId}, ${device.displayName ?? null}, ${device.createdTs})
    on conflict (user_id, device_id) do nothing returning device_id`;
  return rows.length > 0;
}

/** Gives whether there is such a device. */
export async function renameDevice(db: Db, userId: string, deviceId: string, displayName: string): Promise<boolean> {
  const rows = await db`
    update devices set display_name = ${displayName} where user_id = ${userId} and device_id = ${deviceId} returning device_id`;
  return rows.length > 0;
}

/** Keeps the device from being deleted until the transaction ends. False: there is none. */
export async function holdDevice(tx: Db, userId: string, deviceId: string): Promise<boolean> {
  const rows = await tx`select 1 from devices where user_id = ${userId} and device_id = ${deviceId} for key share`;
  return rows.length > 0;
}

/** Removes devices, their keys, and the messages that wait for them. Gives those that were there. */
export async function deleteDevices(db: Db, userId: string, deviceIds: readonly string[]): Promise<string[]> {
  const rows = await db<{ deviceId: string }>`
    with gone as (
      delete from devices where user_id = ${userId} and device_id = any(${deviceIds}::text[]) returning user_id, device_id
    ), messages as (
      delete from to_device_inbox i using gone where i.user_id = gone.user_id and i.device_id = gone.device_id
    ), keys as (
      delete from device_keys k using gone where k.user_id = gone.user_id and k.device_id = gone.device_id
    ), once as (
      delete from one_time_keys k using gone where k.user_id = gone.user_id and k.device_id = gone.device_id
    ), fallbacks as (
      delete from fallback_keys k using gone where k.user_id = gone.user_id and k.device_id = gone.device_id
    ), signatures as (
      delete from key_signatures s using gone where s.target_user_id = gone.user_id and s.target_id = gone.device_id
    ), dehydrated as (
      delete from dehydrated_devices d using gone where d.user_id = gone.user_id and d.device_id = gone.device_id
    )
    select device_id as "deviceId" from gone`;
  return rows.map((row) => row.deviceId);
}

/** Devices that were last seen (or made, when never seen) before `before`, for `delete_stale_devices_after`. */
export async function findStaleDevices(db: Db, before: number, limit: number): Promise<{ userId: string; deviceId: string }[]> {
  return db`
    select user_id as "userId", device_id as "deviceId" from devices
    where coalesce(last_seen_ts, created_ts) < ${before} limit ${limit}`;
}
