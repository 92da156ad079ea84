import type { Db } from "./db";

/** deviceData: JSON text, of meaning to clients alone. */
export interface DehydratedDevice {
  readonly deviceId: string;
  readonly deviceData: string;
}

export async function getDehydratedDevice(db: Db, userId: string): Promise<DehydratedDevice | undefined> {
  const rows = await db<DehydratedDevice>`
    select device_id as "deviceId", device_data as "deviceData" from dehydrated_devices where user_id = ${userId}`;
  return rows[0];
}

/** The user's only one: it takes the place of another. */
export async function putDehydratedDevice(tx: Db, userId: string, device: DehydratedDevice): Promise<void> {
  await tx`
    insert into dehydrated_devices (user_id, device_id, device_data) values (${userId}, ${device.deviceId}, ${device.deviceData})
    on conflict (user_id) do update set device_id = excluded.device_id, device_data = excluded.device_data`;
}
