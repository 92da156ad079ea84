import type { Db } from "./db";
import { asStreamRows } from "./streamIds";

/** A device of the user came, changed its name or keys, or went. */
export interface DeviceListChange {
  readonly userId: string;
  readonly deviceId: string;
}

/** Takes ids under the lock of the stream and stores the changes. Call it last in a transaction. */
export async function appendDeviceListChanges(
  tx: Db,
  lockKey: number,
  changes: readonly DeviceListChange[],
): Promise<{ id: number; row: DeviceListChange }[]> {
  if (changes.length === 0) return [];
  return asStreamRows(
    await tx<DeviceListChange & { id: number }>`
      with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
      insert into device_lists_stream (stream_id, user_id, device_id)
      select nextval('device_lists_stream_seq'), c.* from l
      cross join unnest(${changes.map((c) => c.userId)}::text[], ${changes.map((c) => c.deviceId)}::text[]) as c (user_id, device_id)
      returning stream_id as id, user_id as "userId", device_id as "deviceId"`,
  );
}

export async function deviceListChangesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: DeviceListChange }[]> {
  return asStreamRows(
    await db<DeviceListChange & { id: number }>`
      select stream_id as id, user_id as "userId", device_id as "deviceId" from device_lists_stream
      where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
  );
}
