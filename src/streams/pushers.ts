import { pusherChangesBetween } from "../storage/pushers";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** That a pusher was set or deleted. Any process writes it, in the transaction of the change. */
export const pushersStream = defineStream({
  name: "pushers",
  writer: "main",
  sharding: "single",
  sequence: "pushers_stream_seq",
  row: tuple({ userId: "string", appId: "string", pushkey: "string", deleted: "bool" }),
  catchUp: pusherChangesBetween,
});
