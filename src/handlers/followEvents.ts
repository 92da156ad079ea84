import { isMembership } from "../writers/flush";
import { eventsStream } from "../streams/events";
import type { App } from "./app";

/** Keeps what a process remembers of rooms in step with the events stream. Call it before the streams start. */
export function followEvents({ streams, caches, notifier }: Pick<App, "streams" | "caches" | "notifier">): void {
  streams.subscribe(eventsStream, (rows) => {
    for (const { id, row } of rows) {
      const { roomNid, roomId, keyNid, prevNid, nid } = row;
      caches.tails.push(roomNid, {
        streamOrdering: id,
        nid,
        sender: row.sender,
        type: row.type,
        keyNid: keyNid ?? undefined,
        prevNid: prevNid ?? undefined,
      });
      if (keyNid !== null) caches.roomState.apply(roomNid, id, keyNid, nid);
      if (row.redacts !== null) caches.events.drop(row.redacts);
      if (row.stateKey === null || !isMembership(row.membership)) continue;
      caches.memberships.apply({
        roomNid,
        roomId,
        userId: row.stateKey,
        sender: row.sender,
        membership: row.membership,
        prevMembership: isMembership(row.prevMembership) ? row.prevMembership : undefined,
        displayName: row.displayName ?? undefined,
        eventNid: nid,
        streamOrdering: id,
      });
      if (row.membership === "join") notifier.joinedRoom(row.stateKey, roomId);
    }
  });
}
