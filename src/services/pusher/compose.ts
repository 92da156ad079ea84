import { loadReadPositions } from "../../caches/readPositions";
import type { App } from "../../handlers/app";
import { badgeCount } from "../../handlers/push/unread";
import type { JsonObject } from "../../lib/json";
import { decodeActions } from "../../rooms/push/actions";
import type { NotificationRow } from "../../storage/notifications";
import type { Pusher } from "../../storage/pushers";
import { oldestNotifications } from "../../storage/pushOutcomes";
import { pushContext } from "./context";
import { eventNotification } from "./notification";

export type ComposeApp = Pick<App, "caches" | "config" | "db" | "push" | "templates">;

/** Whether the pusher asks to be told no numbers (MSC4076). */
export function wantsNoBadge({ config }: Pick<App, "config">, { data }: Pick<Pusher, "data">): boolean {
  return config.experimental_features.msc4076_enabled && data["org.matrix.msc4076.disable_badge_count"] === true;
}

/**
 * What a gateway is told of an event. Undefined where there is nothing to tell any more: the event was redacted, its user has read it or
 * is not in the room.
 */
export async function composeNotification(
  app: ComposeApp,
  pusher: Pusher,
  row: NotificationRow,
): Promise<{ readonly body: JsonObject; readonly badge: number | undefined } | undefined> {
  const { caches, config, db } = app;
  const { userId } = pusher;
  const [events, places] = await Promise.all([caches.events.byNids([row.nid]), caches.memberships.ofUser(userId)]);
  const event = events.get(row.nid);
  const membership = places.get(row.roomNid)?.membership;
  if (!event || event.row.redactedBy !== null || (membership !== "join" && membership !== "invite")) return undefined;
  const { roomId } = event.room;
  const read = (await loadReadPositions(db, userId, [{ roomNid: row.roomNid, roomId }])).get(roomId);
  if (read && row.streamOrdering <= read.of(row.threadId)) return undefined;
  const [badge, context] = await Promise.all([
    wantsNoBadge(app, pusher) ? undefined : badgeCount(app, userId),
    pushContext(app, event, userId),
  ]);
  const { shown } = event;
  const parts = { event: shown, actions: decodeActions(row.actions), badge, context };
  return { body: eventNotification(pusher, { ...parts, content: config.push.include_content ? "include" : "omit" }), badge };
}

/** What notified a user in a stretch of the events stream, oldest first, as the database knows it. */
export async function pendingNotifications(
  app: ComposeApp,
  userId: string,
  stretch: { readonly after: number; readonly upTo: number; readonly limit: number },
): Promise<NotificationRow[]> {
  const places = [...(await app.caches.memberships.ofUser(userId)).values()];
  const classes = await app.push.rules.classes(userId);
  const joined = places.filter(({ membership }) => membership === "join");
  return oldestNotifications(app.db, {
    userId,
    ...stretch,
    ranges: joined.flatMap(({ roomId, roomNid }) =>
      classes.intervals(roomId, stretch.after, stretch.upTo).map((range) => ({ roomNid, ...range })),
    ),
    roomNids: places.filter(({ membership }) => membership === "join" || membership === "invite").map(({ roomNid }) => roomNid),
  });
}
