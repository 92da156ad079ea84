import type { ClassHistory } from "../rooms/push/classHistory";
import type { Db } from "../storage/db";
import { readPositions } from "../storage/receipts";
import { countUnread, sentPositions } from "../storage/unreadCounts";
import type { UnreadEntry } from "./unreadEntry";

export interface RoomKey {
  readonly roomNid: number;
  readonly roomId: string;
}

interface LoadRequest {
  readonly userId: string;
  readonly upTo: number;
  readonly classes: ClassHistory;
  readonly rooms: readonly { readonly room: RoomKey; readonly entry: UnreadEntry }[];
}

/** Where a user has read to in rooms: by receipts, by sending, by joining. */
async function loadPositions(db: Db, userId: string, rooms: readonly RoomKey[]): Promise<Map<string, Map<string, number>>> {
  const roomIds = rooms.map(({ roomId }) => roomId);
  const [receipts, sent] = await Promise.all([
    readPositions(
      db,
      roomIds.map(() => userId),
      roomIds,
    ),
    sentPositions(
      db,
      userId,
      rooms.map(({ roomNid }) => roomNid),
    ),
  ]);
  const byNid = new Map(rooms.map(({ roomNid, roomId }) => [roomNid, roomId]));
  const found = new Map(roomIds.map((roomId) => [roomId, new Map<string, number>()]));
  const note = (roomId: string | undefined, threadId: string, position: number): void => {
    const threads = found.get(roomId ?? "");
    threads?.set(threadId, Math.max(position, threads.get(threadId) ?? 0));
  };
  for (const row of receipts) note(row.roomId, row.threadId, row.eventOrdering);
  for (const row of sent) note(byNid.get(row.roomNid), row.threadId, row.streamOrdering);
  return found;
}

/** Fills entries from the database, for all rooms at once: two statements, then one. */
export async function loadUnreadEntries(db: Db, request: LoadRequest): Promise<void> {
  const { userId, upTo, classes, rooms } = request;
  try {
    const positions = await loadPositions(
      db,
      userId,
      rooms.map(({ room }) => room),
    );
    const entries = new Map(rooms.map(({ room, entry }) => [room.roomNid, { room, entry }]));
    for (const { room, entry } of rooms) {
      const threads = positions.get(room.roomId) ?? new Map<string, number>();
      entry.base = threads.get("") ?? 0;
      for (const [threadId, at] of threads) if (threadId !== "" && at > entry.base) entry.read.set(threadId, at);
    }
    const counts = await countUnread(db, {
      userId,
      upTo,
      rooms: rooms.map(({ room, entry }) => ({ roomNid: room.roomNid, after: entry.base })),
      threads: rooms.flatMap(({ room, entry }) =>
        Array.from(entry.read, ([threadId, after]) => ({ roomNid: room.roomNid, threadId, after })),
      ),
      classes: rooms.flatMap(({ room, entry }) =>
        classes.intervals(room.roomId, entry.base, upTo).map((interval) => ({ roomNid: room.roomNid, ...interval })),
      ),
    });
    for (const row of counts) entries.get(row.roomNid)?.entry.counts.set(row.threadId, { notify: row.notify, highlight: row.highlight });
  } catch (error) {
    for (const { entry } of rooms) entry.stale = true;
    throw error;
  } finally {
    for (const { entry } of rooms) entry.loading = false;
  }
}
