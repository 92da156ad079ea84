import type { Db } from "./db";

/** A device of ours that changed, of which another server has yet to hear. */
export interface WaitingDevice {
  readonly destination: string;
  readonly userId: string;
  /** "" where the user's cross-signing keys changed. */
  readonly deviceId: string;
  readonly streamId: number;
}

/** Queues changes. A device that changes again before the server heard of it is told of once. */
export async function queueDeviceChanges(db: Db, changes: readonly WaitingDevice[]): Promise<void> {
  if (changes.length === 0) return;
  await db`
    insert into device_list_outbox as o (destination, user_id, device_id, stream_id)
    select destination, user_id, device_id, max(stream_id)
    from unnest(${changes.map((c) => c.destination)}::text[], ${changes.map((c) => c.userId)}::text[],
                ${changes.map((c) => c.deviceId)}::text[], ${changes.map((c) => c.streamId)}::int8[])
      as c(destination, user_id, device_id, stream_id)
    group by 1, 2, 3 order by 1, 2, 3
    on conflict (destination, user_id, device_id) do update set stream_id = greatest(o.stream_id, excluded.stream_id)`;
}

/** What a server is told of a device. */
export interface DeviceUpdate {
  readonly userId: string;
  readonly deviceId: string;
  readonly streamId: number;
  /** Whether the device is there. */
  readonly exists: boolean;
  readonly displayName: string | null;
  /** The change of which the server heard before this one; null if of none. */
  readonly sentBefore: number | null;
}

/** The oldest changes that wait for a server, with the devices as they are now. */
export async function waitingDevicesOf(db: Db, destination: string, limit: number): Promise<DeviceUpdate[]> {
  return db<DeviceUpdate>`
    select o.user_id as "userId", o.device_id as "deviceId", o.stream_id as "streamId", d.device_id is not null as exists,
           d.display_name as "displayName", s.stream_id as "sentBefore"
    from device_list_outbox o
    left join devices d using (user_id, device_id)
    left join device_list_sent s on s.destination = o.destination and s.user_id = o.user_id
    where o.destination = ${destination} order by o.stream_id limit ${limit}`;
}

/** The server has heard of these. What changed again meanwhile goes on waiting. */
export async function markDevicesSent(db: Db, destination: string, updates: readonly DeviceUpdate[]): Promise<void> {
  await db`
    with sent as (
      select * from unnest(${updates.map((u) => u.userId)}::text[], ${updates.map((u) => u.deviceId)}::text[],
                           ${updates.map((u) => u.streamId)}::int8[]) as s(user_id, device_id, stream_id)
    ), gone as (
      delete from device_list_outbox o using sent s
      where o.destination = ${destination} and o.user_id = s.user_id and o.device_id = s.device_id and o.stream_id = s.stream_id
    )
    insert into device_list_sent as d (destination, user_id, stream_id)
    select ${destination}, user_id, max(stream_id) from sent where device_id <> '' group by user_id order by user_id
    on conflict (destination, user_id) do update set stream_id = greatest(d.stream_id, excluded.stream_id)`;
}
