import { accountDataStreamBetween } from "../storage/accountData";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** That a piece of account data of a user changed; roomId null for what belongs to no room. Tags are the type m.tag. */
export const accountDataStream = defineStream({
  name: "account_data",
  writer: "account_data",
  sharding: "user",
  sequence: "account_data_stream_seq",
  row: tuple({ userId: "string", roomId: "string?", type: "string" }),
  catchUp: accountDataStreamBetween,
  wakes: (row) => ({ users: [row.userId] }),
});
