import type { ClassHistory } from "../rooms/push/classHistory";
import type { Db } from "../storage/db";
import { countUnread } from "../storage/unreadCounts";
import { loadReadPositions } from "./readPositions";
import type { RoomKey } from "./readPositions";
import type { UnreadEntry } from "./unreadEntry";

interface LoadRequest {
  readonly userId: string;
  readonly upTo: number;
  readonly classes: ClassHistory;
  readonly rooms: readonly { readonly room: RoomKey; readonly entry: UnreadEntry }[];
}

/** Fills entries from the database, for all rooms at once: two statements, then one. */
export async function loadUnreadEntries(db: Db, request: LoadRequest): Promise<void> {
  try {
    await fill(db, request);
  } catch (error) {
    for (const { entry } of request.rooms) entry.stale = true;
    throw error;
  } finally {
    for (const { entry } of request.rooms) entry.loading = false;
  }
}

async function fill(db: Db, { userId, upTo, classes, rooms }: LoadRequest): Promise<void> {
  const keys = rooms.map(({ room }) => room);
  const positions = await loadReadPositions(db, userId, keys);
  const entries = new Map(rooms.map(({ room, entry }) => [room.roomNid, entry]));
  for (const { room, entry } of rooms) {
    const read = positions.get(room.roomId);
    entry.base = read?.base ?? 0;
    for (const [threadId, at] of read?.threads ?? []) entry.read.set(threadId, at);
  }
  const counts = await countUnread(db, {
    userId,
    upTo,
    rooms: rooms.map(({ room, entry }) => ({ roomNid: room.roomNid, after: entry.base })),
    threads: rooms.flatMap(({ room, entry }) =>
      Array.from(entry.read, ([threadId, after]) => ({ roomNid: room.roomNid, threadId, after })),
    ),
    classes: rooms.flatMap(({ room, entry }) =>
      classes
        .intervals(room.roomId, entry.base, upTo)
        .filter(({ classId }) => classId !== 0)
        .map((interval) => ({ roomNid: room.roomNid, ...interval })),
    ),
  });
  for (const row of counts) entries.get(row.roomNid)?.counts.set(row.threadId, { notify: row.notify, highlight: row.highlight });
}
