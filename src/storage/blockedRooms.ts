import type { Db } from "./db";

export async function blockRoom(db: Db, roomId: string, userId: string): Promise<void> {
  await db`insert into blocked_rooms (room_id, user_id) values (${roomId}, ${userId}) on conflict do nothing`;
}

export async function unblockRoom(db: Db, roomId: string): Promise<void> {
  await db`delete from blocked_rooms where room_id = ${roomId}`;
}

/** Which administrator blocked a room; undefined for one that is open. */
export async function blockerOf(db: Db, roomId: string): Promise<string | undefined> {
  const rows = await db<{ userId: string }>`select user_id as "userId" from blocked_rooms where room_id = ${roomId}`;
  return rows[0]?.userId;
}

/** Whether a room is blocked, or just being deleted. */
export async function isRoomClosed(db: Db, roomId: string): Promise<boolean> {
  const rows = await db<{ isClosed: boolean }>`
    select exists (select from blocked_rooms where room_id = ${roomId})
        or exists (select from admin_tasks where room_id = ${roomId} and kind = 'delete_room' and status in ('scheduled', 'active'))
      as "isClosed"`;
  return rows[0]?.isClosed ?? false;
}
