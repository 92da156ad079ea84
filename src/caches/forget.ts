import type { Caches } from "./caches";
import type { RoomInfo } from "./rooms";

/** Events of a room are gone, or lost their place in its history; its state is what it was. position: that of the events stream here. */
export function forgetHistory({ events, tails, relations, glances }: Caches, roomNid: number, position: number): void {
  events.dropRoom(roomNid);
  tails.drop(roomNid, position);
  // As if something had been redacted that is yet to come: what was read until now is read again.
  relations.redacted(roomNid, position + 1);
  glances.drop(roomNid);
}

/** A room is gone altogether. */
export function forgetRoom(caches: Caches, room: Pick<RoomInfo, "nid" | "roomId">, position: number): void {
  forgetHistory(caches, room.nid, position);
  caches.rooms.drop(room);
  caches.memberships.dropRoom(room.nid);
  caches.roomState.drop(room.nid);
}
