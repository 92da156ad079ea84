import type { Db } from "./db";
import { asStreamRows } from "./streamIds";

/** "device": a device, its name or keys; "cross_signing": master or self-signing key; "counts": one-time and fallback keys at hand. */
export type DeviceListSubject = "device" | "cross_signing" | "counts";

/** A device of the user came, changed its name or keys, or went; or other keys of the user changed. */
export interface DeviceListChange {
  readonly userId: string;
  /** "" where it is about no single device. */
  readonly deviceId: string;
  readonly what: DeviceListSubject;
  /** The only user who is told; null: all who share rooms with the user, other servers too. */
  readonly audience: string | null;
}

/** Unless it says otherwise it is about a device, and for all. */
export type NewDeviceListChange = Pick<DeviceListChange, "userId" | "deviceId"> & Partial<DeviceListChange>;

/** Takes ids under the lock of the stream and stores the changes. Call it last in a transaction. */
export async function appendDeviceListChanges(
  tx: Db,
  lockKey: number,
  changes: readonly NewDeviceListChange[],
): Promise<{ id: number; row: DeviceListChange }[]> {
  if (changes.length === 0) return [];
  return asStreamRows(
    await tx<DeviceListChange & { id: number }>`
      with l as materialized (select pg_advisory_xact_lock(${lockKey}::int8))
      insert into device_lists_stream (stream_id, user_id, device_id, what, audience)
      select nextval('device_lists_stream_seq'), c.* from l
      cross join unnest(${changes.map((c) => c.userId)}::text[], ${changes.map((c) => c.deviceId)}::text[],
        ${changes.map((c) => c.what ?? "device")}::text[], ${changes.map((c) => c.audience ?? null)}::text[]) as c (user_id, device_id, what, audience)
      returning stream_id as id, user_id as "userId", device_id as "deviceId", what, audience`,
  );
}

export async function deviceListChangesBetween(db: Db, from: number, to: number): Promise<{ id: number; row: DeviceListChange }[]> {
  return asStreamRows(
    await db<DeviceListChange & { id: number }>`
      select stream_id as id, user_id as "userId", device_id as "deviceId", what, audience from device_lists_stream
      where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
  );
}

/**
 * The changes with from < position <= to that concern a user: of the user's own, of users who share a room with them now, and what is
 * for them alone; each once.
 */
export async function deviceListChangesFor(db: Db, userId: string, from: number, to: number): Promise<DeviceListChange[]> {
  return db<DeviceListChange>`
    select distinct s.user_id as "userId", s.device_id as "deviceId", s.what, s.audience from device_lists_stream s
    where s.stream_id > ${from} and s.stream_id <= ${to} and (s.audience = ${userId} or (s.audience is null and (s.user_id = ${userId}
      or exists (select 1 from room_members mine join room_members theirs using (room_nid)
                 where mine.user_id = ${userId} and mine.membership = 'join'
                   and theirs.user_id = s.user_id and theirs.membership = 'join'))))`;
}

/** Of the users given, those who are joined to a room to which the user is joined. */
export async function whoSharesRooms(db: Db, userId: string, candidates: readonly string[]): Promise<string[]> {
  if (candidates.length === 0) return [];
  const rows = await db<{ userId: string }>`
    select distinct theirs.user_id as "userId" from room_members theirs join room_members mine using (room_nid)
    where theirs.user_id = any(${candidates}::text[]) and theirs.membership = 'join'
      and mine.user_id = ${userId} and mine.membership = 'join'`;
  return rows.map((row) => row.userId);
}

/** Changes that a later one of the same kind repeats serve nobody, except for the newest, which may be under way to readers. */
export async function deleteRepeatedDeviceListChanges(db: Db, keep: number): Promise<void> {
  await db`
    delete from device_lists_stream old using device_lists_stream later
    where old.stream_id <= (select max(stream_id) from device_lists_stream) - ${keep}
      and later.user_id = old.user_id and later.stream_id > old.stream_id and later.device_id = old.device_id
      and later.what = old.what and later.audience is not distinct from old.audience`;
}
