import { loadReadPositions } from "../../caches/readPositions";
import type { RoomPositions } from "../../caches/readPositions";
import { invalidParam } from "../../errors";
import type { JsonValue } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import { decodeActions } from "../../rooms/push/actions";
import { newestNotifications } from "../../storage/notifications";
import type { NotificationRow } from "../../storage/notifications";
import { eventsStream } from "../../streams/events";
import type { App } from "../app";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import type { Push } from "./push";

export interface NotificationQuery {
  /** The next_token of the page before. */
  readonly from: string | undefined;
  readonly limit: number;
  readonly only: string | undefined;
}

interface Notification {
  readonly room_id: string;
  readonly profile_tag: null;
  readonly actions: readonly JsonValue[];
  readonly ts: number;
  readonly event: JsonText;
  readonly read: boolean;
}

const MAX_LIMIT = 500;

function parseFrom(from: string | undefined): number {
  if (from === undefined) return 0;
  const position = /^\d{1,15}$/.test(from) ? Number(from) : 0;
  if (position === 0) throw invalidParam("Invalid from parameter: must be a next_token");
  return position;
}

/**
 * What the user was or would have been notified of, newest first (client-server API, "Listing Notifications"). Covers the time
 * since they joined each room, and invites.
 */
export async function listNotifications(
  app: Pick<App, "db" | "caches" | "streams" | "clock" | "turns"> & { readonly push: Push },
  requester: Requester,
  query: NotificationQuery,
): Promise<{ notifications: Notification[]; next_token?: string }> {
  const { userId } = requester;
  const limit = Math.max(0, Math.min(query.limit, MAX_LIMIT));
  const [before, upTo] = [parseFrom(query.from), app.streams.position(eventsStream)];
  const places = [...(await app.caches.memberships.ofUser(userId)).values()];
  const joined = places.filter(({ membership }) => membership === "join");
  const [classes, positions] = await Promise.all([app.push.rules.classes(userId), loadReadPositions(app.db, userId, joined)]);
  const rows = await newestNotifications(app.db, {
    userId,
    before,
    limit,
    highlightsOnly: query.only === "highlight",
    ranges: joined.flatMap(({ roomId, roomNid }) =>
      classes.intervals(roomId, positions.get(roomId)?.joined ?? 0, upTo).map((range) => ({ roomNid, ...range })),
    ),
    roomNids: places.filter(({ membership }) => membership === "join" || membership === "invite").map(({ roomNid }) => roomNid),
  });
  const notifications = await shown(app, requester, rows, positions);
  const last = rows.at(-1);
  return rows.length === limit && last ? { notifications, next_token: String(last.streamOrdering) } : { notifications };
}

async function shown(
  app: Pick<App, "caches" | "clock" | "turns">,
  { userId, deviceId }: Requester,
  rows: readonly NotificationRow[],
  positions: ReadonlyMap<string, RoomPositions>,
): Promise<Notification[]> {
  const events = await app.caches.events.byNids(rows.map(({ nid }) => nid));
  const found = rows.flatMap((row) => {
    const event = events.get(row.nid);
    return event ? [{ row, event }] : [];
  });
  const rendered = await renderEvents(
    app,
    found.map(({ event }) => event),
    { format: "withoutRoomId", reader: { userId, deviceId } },
  );
  return found.flatMap(({ row, event }, i) => {
    const text = rendered[i];
    if (!text) return [];
    const { roomId } = event.room;
    const read = positions.get(roomId)?.of(row.threadId) ?? 0;
    return [
      {
        room_id: roomId,
        profile_tag: null,
        actions: decodeActions(row.actions),
        ts: event.row.receivedTs,
        event: text,
        read: row.streamOrdering <= read,
      },
    ];
  });
}
