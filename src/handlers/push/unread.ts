import type { RoomKey } from "../../caches/readPositions";
import type { App } from "../app";
import { mainThread } from "../../rooms/push/threads";
import type { Push } from "./push";

/** As sync shows it (client-server API, "UnreadNotificationCounts"). */
export interface NotificationCounts {
  readonly notification_count: number;
  readonly highlight_count: number;
}

/** The unread counts of a user in a room. */
export interface RoomUnread {
  /** Of the room with all its threads: what clients see that do not ask for threads. */
  readonly total: NotificationCounts;
  readonly main: NotificationCounts;
  /** By thread root; threads without unread events are left out. */
  readonly threads: ReadonlyMap<string, NotificationCounts>;
}

const zero: NotificationCounts = { notification_count: 0, highlight_count: 0 };
const nothingUnread: RoomUnread = { total: zero, main: zero, threads: new Map() };

/** Counts for joined rooms, by room id. As of the position of the events stream here, or later. */
export async function unreadCounts(
  app: { readonly push: Push },
  userId: string,
  rooms: readonly RoomKey[],
): Promise<Map<string, RoomUnread>> {
  const counted = await app.push.unread.of(userId, rooms);
  const out = new Map<string, RoomUnread>();
  for (const [roomId, counts] of counted) {
    if (counts.size === 0) {
      out.set(roomId, nothingUnread);
      continue;
    }
    let [notify, highlight] = [0, 0];
    const threads = new Map<string, NotificationCounts>();
    for (const [threadId, count] of counts) {
      // A rule that changed while an event was on its way may leave a difference without what it is a difference to.
      const shown = { notification_count: Math.max(0, count.notify), highlight_count: Math.max(0, count.highlight) };
      notify += shown.notification_count;
      highlight += shown.highlight_count;
      if (shown.notification_count > 0 || shown.highlight_count > 0) threads.set(threadId, shown);
    }
    const main = threads.get(mainThread) ?? zero;
    threads.delete(mainThread);
    out.set(roomId, { total: { notification_count: notify, highlight_count: highlight }, main, threads });
  }
  return out;
}

/**
 * The number on a user's app icon: unread notifications, or with `push.group_unread_count_by_room` the rooms that have any.
 */
export async function badgeCount(app: Pick<App, "caches" | "config"> & { readonly push: Push }, userId: string): Promise<number> {
  const places = await app.caches.memberships.ofUser(userId);
  const joined = [...places.values()].filter(({ membership }) => membership === "join");
  const invites = [...places.values()].filter(({ membership }) => membership === "invite").length;
  const counts = [...(await unreadCounts(app, userId, joined)).values()].map(({ total }) => total.notification_count);
  const byRoom = app.config.push.group_unread_count_by_room;
  return invites + counts.reduce((sum, count) => sum + (byRoom ? Number(count > 0) : count), 0);
}
