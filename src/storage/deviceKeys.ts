import type { Db } from "./db";

/** Identity keys of a device as JSON text, without `unsigned`. */
export interface DeviceKeysRow {
  readonly userId: string;
  readonly deviceId: string;
  readonly keys: string;
  readonly displayName: string | null;
}

/** Stores the identity keys of a device. Gives whether they differ from those that were there. */
export async function putDeviceKeys(db: Db, userId: string, deviceId: string, keys: string): Promise<boolean> {
  const rows = await db`
    insert into device_keys as k (user_id, device_id, keys) values (${userId}, ${deviceId}, ${keys})
    on conflict (user_id, device_id) do update set keys = excluded.keys where k.keys <> excluded.keys
    returning device_id`;
  return rows.length > 0;
}

/** All devices with keys of local users. */
export async function deviceKeysOf(db: Db, userIds: readonly string[]): Promise<DeviceKeysRow[]> {
  if (userIds.length === 0) return [];
  return db<DeviceKeysRow>`
    select k.user_id as "userId", k.device_id as "deviceId", k.keys, d.display_name as "displayName"
    from device_keys k join devices d using (user_id, device_id) where k.user_id = any(${userIds}::text[])`;
}
