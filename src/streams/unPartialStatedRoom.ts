import { wholeRoomsBetween } from "../storage/partialRooms";
import type { WholeRoom } from "../storage/partialRooms";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** Rooms that were joined without their members, and have got them. What is remembered of them from before is void. */
export const unPartialStatedRoomStream = defineStream<WholeRoom>({
  name: "un_partial_stated_room",
  writer: "events",
  sharding: "room",
  sequence: "un_partial_stated_rooms_seq",
  row: tuple({ roomNid: "int", roomId: "string" }),
  catchUp: wholeRoomsBetween,
  wakes: ({ roomId }) => ({ rooms: [roomId] }),
});
