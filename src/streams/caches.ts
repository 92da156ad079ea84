import { cacheChangesBetween } from "../storage/cacheChanges";
import type { CacheChange } from "../storage/cacheChanges";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** The aliases of a room by its id, under Synapse's name for that cache. */
export const ALIASES_OF_ROOM = "get_aliases_for_room";
/** An event by its id, whose row changed other than by a redaction, which the events stream tells of. */
export const STORED_EVENT = "*getEvent*";
/** What relates to an event, by its id. */
export const AGGREGATIONS_OF_EVENT = "event_aggregations";

/** The rooms of a user, by their id: one was forgotten. What the events stream tells of them changes by itself. */
export const ROOMS_OF_USER = "get_rooms_for_user";

/** What is remembered of the events of a room, by its number: some were deleted, or lost their place. */
export const HISTORY_OF_ROOM = "history_of_room";

/** A whole room that was deleted: number and id. */
export const DELETED_ROOM = "deleted_room";
export const deletedRoomKey = (roomNid: number, roomId: string): string => `${roomNid} ${roomId}`;

/** Undoes deletedRoomKey. */
export function roomOfKey(key: string): { readonly nid: number; readonly roomId: string } {
  const at = key.indexOf(" ");
  return { nid: Number(key.slice(0, at)), roomId: key.slice(at + 1) };
}

/** That something changed which is remembered here and there but has no stream of its own. Any process writes it, in the transaction of the change. */
export const cachesStream = defineStream<CacheChange>({
  name: "caches",
  writer: "main",
  sharding: "single",
  sequence: "caches_stream_seq",
  row: tuple({ cache: "string", key: "string" }),
  prompt: true,
  catchUp: cacheChangesBetween,
});
