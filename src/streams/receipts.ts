import type { Receipt } from "../storage/receipts";
import { receiptStreamBetween } from "../storage/receipts";
import { defineStream } from "./defineStream";
import type { RowCodec } from "./tuple";
import { tuple } from "./tuple";

const row: RowCodec<Receipt> = tuple({
  roomId: "string",
  receiptType: "string",
  userId: "string",
  eventId: "string",
  threadId: "string",
  data: "string",
});

/** Receipts, whole, so that a reader close behind needs no query. Private ones concern their owner alone. */
export const receiptsStream = defineStream<Receipt>({
  name: "receipts",
  writer: "receipts",
  sharding: "room",
  sequence: "receipts_stream_seq",
  row,
  catchUp: receiptStreamBetween,
  wakes: (receipt) => (receipt.receiptType === "m.read.private" ? { users: [receipt.userId] } : { rooms: [receipt.roomId] }),
});
