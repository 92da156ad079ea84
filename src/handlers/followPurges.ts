import { forgetHistory, forgetRoom } from "../caches/forget";
import { DELETED_ROOM, HISTORY_OF_ROOM, cachesStream, roomOfKey } from "../streams/caches";
import { eventsStream } from "../streams/events";
import type { App } from "./app";

/** Forgets what was purged, wherever that was done. Call it before the streams start. */
export function followPurges({ streams, caches, push }: Pick<App, "streams" | "caches" | "push">): void {
  streams.subscribe(cachesStream, (rows) => {
    const position = streams.position(eventsStream);
    for (const { row } of rows) {
      if (row.cache === HISTORY_OF_ROOM) {
        forgetHistory(caches, Number(row.key), position);
        push.unread.forgetRoom(Number(row.key));
      }
      if (row.cache === DELETED_ROOM) {
        const room = roomOfKey(row.key);
        forgetRoom(caches, room, position);
        push.unread.forgetRoom(room.nid);
      }
    }
  });
}
