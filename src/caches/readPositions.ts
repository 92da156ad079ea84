import type { Db } from "../storage/db";
import { readPositions } from "../storage/receipts";
import { sentPositions } from "../storage/unreadCounts";

export interface RoomKey {
  readonly roomNid: number;
  readonly roomId: string;
}

/** How far a user has read in a room, in positions of the events stream. */
export interface RoomPositions {
  /** Where they joined; 0 if it is not known. */
  readonly joined: number;
  /** Read whatever the thread: joins and unthreaded receipts. */
  readonly base: number;
  /** Threads read further than that. */
  readonly threads: ReadonlyMap<string, number>;
  of(threadId: string): number;
}

/** By receipts, by sending, by joining: the furthest counts. */
export async function loadReadPositions(db: Db, userId: string, rooms: readonly RoomKey[]): Promise<Map<string, RoomPositions>> {
  const roomIds = rooms.map(({ roomId }) => roomId);
  const roomNids = rooms.map(({ roomNid }) => roomNid);
  const userIds = roomIds.map(() => userId);
  const [receipts, sent] = await Promise.all([readPositions(db, userIds, roomIds), sentPositions(db, userId, roomNids)]);
  const idOf = new Map(rooms.map(({ roomNid, roomId }) => [roomNid, roomId]));
  const found = new Map(roomIds.map((roomId) => [roomId, { joined: 0, threads: new Map<string, number>() }]));
  const note = (roomId: string, threadId: string, position: number): void => {
    const threads = found.get(roomId)?.threads;
    threads?.set(threadId, Math.max(position, threads.get(threadId) ?? 0));
  };
  for (const row of receipts) note(row.roomId, row.threadId, row.eventOrdering);
  for (const row of sent) {
    const roomId = idOf.get(row.roomNid) ?? "";
    const room = found.get(roomId);
    if (room && row.threadId === "") room.joined = row.streamOrdering;
    note(roomId, row.threadId, row.streamOrdering);
  }
  return new Map(Array.from(found, ([roomId, { joined, threads }]) => [roomId, positionsOf(joined, threads)]));
}

function positionsOf(joined: number, all: Map<string, number>): RoomPositions {
  const base = all.get("") ?? 0;
  const threads = new Map([...all].filter(([threadId, at]) => threadId !== "" && at > base));
  return { joined, base, threads, of: (threadId) => threads.get(threadId) ?? base };
}
