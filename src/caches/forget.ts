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
  caches.partialRooms.forget();
  caches.memberships.dropRoom(room.nid);
  caches.roomState.drop(room.nid);
}

/** The members of a room have come that were left out when it was joined: its events stand on other states now. */
export function forgetPartial(caches: Caches, roomNid: number, position: number): void {
  caches.partialRooms.forget();
  forgetHistory(caches, roomNid, position);
  caches.roomState.drop(roomNid);
  caches.joinedMembers.drop(roomNid);
  caches.memberships.forgetMembers(roomNid);
}
