import { pushRulesBetween } from "../storage/pushRules";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** That a user changed push rules. Any process writes it, in the transaction of the change. */
export const pushRulesStream = defineStream({
  name: "push_rules",
  writer: "push_rules",
  sharding: "user",
  sequence: "push_rules_stream_seq",
  row: tuple({ userId: "string" }),
  catchUp: pushRulesBetween,
  wakes: (row) => ({ users: [row.userId] }),
});
