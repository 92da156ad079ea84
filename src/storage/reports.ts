import type { Db } from "./db";

export interface EventReport {
  /** Milliseconds. */
  readonly receivedTs: number;
  readonly roomId: string;
  readonly eventId: string;
  /** Who reports. */
  readonly userId: string;
  readonly reason: string | null;
  /** -100 (most offensive) to 0, of older clients. */
  readonly score: number | null;
}

/** Gives the report's id. */
export async function insertEventReport(db: Db, report: EventReport): Promise<number> {
  const rows = await db<{ id: number }>`
    insert into event_reports (received_ts, room_id, event_id, user_id, reason, score)
    values (${report.receivedTs}, ${report.roomId}, ${report.eventId}, ${report.userId}, ${report.reason}, ${report.score})
    returning id`;
  return rows[0]?.id ?? 0;
}

export interface PlainReport {
  readonly receivedTs: number;
  /** The room or user reported. */
  readonly target: string;
  readonly userId: string;
  readonly reason: string;
}

export async function insertRoomReport(db: Db, { receivedTs, target, userId, reason }: PlainReport): Promise<number> {
  const rows = await db<{ id: number }>`
    insert into room_reports (received_ts, room_id, user_id, reason) values (${receivedTs}, ${target}, ${userId}, ${reason}) returning id`;
  return rows[0]?.id ?? 0;
}

export async function insertUserReport(db: Db, { receivedTs, target, userId, reason }: PlainReport): Promise<number> {
  const rows = await db<{ id: number }>`
    insert into user_reports (received_ts, target_user_id, user_id, reason) values (${receivedTs}, ${target}, ${userId}, ${reason}) returning id`;
  return rows[0]?.id ?? 0;
}
