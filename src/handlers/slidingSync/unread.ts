import type { StreamToken } from "../../lib/streamToken";
import type { App } from "../app";
import { unreadCounts } from "../push/unread";
import type { NotificationCounts } from "../push/unread";
import { roomsReadOn } from "../receipts";
import type { RoomList } from "./roomList";
import type { RoomResult } from "./rooms";

export interface UnreadRequest {
  readonly userId: string;
  readonly list: RoomList;
  readonly results: readonly RoomResult[];
  readonly since: StreamToken | undefined;
  readonly now: StreamToken;
}

/** Unread counts by room id, of rooms that are in the answer and of those in which the user has read on. */
export async function unreadOf(
  app: Pick<App, "db" | "push" | "userData">,
  { userId, list, results, since, now }: UnreadRequest,
): Promise<Map<string, NotificationCounts>> {
  const told = new Set(results.filter(({ fields }) => fields).map(({ roomNid }) => roomNid));
  const joined = [...list.wanted.values()].map(({ place }) => place).filter(({ membership }) => membership === "join");
  const roomIds = joined.filter(({ roomNid }) => !told.has(roomNid)).map(({ roomId }) => roomId);
  const readOn = since ? await roomsReadOn(app, { roomIds, from: since.receipts, to: now.receipts, userId }) : new Set<string>();
  const counts = await unreadCounts(
    app,
    userId,
    joined.filter(({ roomNid, roomId }) => told.has(roomNid) || readOn.has(roomId)),
  );
  return new Map(Array.from(counts, ([roomId, { total }]) => [roomId, total]));
}
