import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** Who is typing in a room now: users is a JSON array of user ids. Lives in the memory of its writer. */
export const typingStream = defineStream({
  name: "typing",
  writer: "typing",
  sharding: "single",
  row: tuple({ roomId: "string", users: "json" }),
  wakes: (row) => ({ rooms: [row.roomId] }),
});
