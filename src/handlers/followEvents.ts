import { forgetPartial } from "../caches/forget";
import { isMembership } from "../writers/eventFacts";
import { AGGREGATIONS_OF_EVENT, ROOMS_OF_USER, STORED_EVENT, cachesStream } from "../streams/caches";
import { eventsStream } from "../streams/events";
import { unPartialStatedRoomStream } from "../streams/unPartialStatedRoom";
import type { App } from "./app";

/** Keeps what a process remembers of rooms in step with the streams. Call it before they start. */
export function followEvents({ streams, caches, notifier }: Pick<App, "streams" | "caches" | "notifier">): void {
  streams.subscribe(eventsStream, (rows) => {
    for (const { id, row } of rows) {
      const { roomNid, roomId, keyNid, prevNid, nid } = row;
      if (row.resets) forgetState(caches, roomNid, id);
      // Whether all members of the room came with the join, its writer has stored.
      if (row.resets && row.membership === "join") caches.partialRooms.forget();
      caches.tails.push(roomNid, {
        streamOrdering: id,
        nid,
        sender: row.sender,
        type: row.type,
        keyNid: keyNid ?? undefined,
        prevNid: prevNid ?? undefined,
      });
      if (!row.resets && keyNid !== null) caches.roomState.apply(roomNid, id, keyNid, nid);
      caches.glances.apply(id, row);
      if (row.redacts !== null) {
        caches.events.drop(row.redacts);
        caches.relations.redacted(roomNid, id);
      }
      const { relatesTo, relType, sender } = row;
      if (relatesTo !== null && relType !== null) caches.relations.apply({ relatesTo, relType, nid, sender, streamOrdering: id });
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
  streams.subscribe(unPartialStatedRoomStream, (rows) => {
    for (const { row } of rows) forgetPartial(caches, row.roomNid, streams.position(eventsStream));
  });
  streams.subscribe(cachesStream, (rows) => {
    for (const { row } of rows) {
      if (row.cache === STORED_EVENT) caches.events.drop(row.key);
      else if (row.cache === AGGREGATIONS_OF_EVENT) caches.relations.forget(row.key);
      else if (row.cache === ROOMS_OF_USER) caches.memberships.forgetUser(row.key);
    }
  });
}

/** States were resolved, or the room is new to this server: everything about its state is read again. */
function forgetState({ roomState, memberships, tails }: App["caches"], roomNid: number, position: number): void {
  roomState.drop(roomNid);
  memberships.forgetRoom(roomNid);
  // Its moves are not in the tail, so the tail must not answer for them.
  tails.drop(roomNid, position - 1);
}
