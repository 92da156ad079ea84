import { pushRulesBetween } from "../storage/pushRules";
import { defineStream } from "./defineStream";
import { tuple } from "./tuple";

/** What this stream wants of the caches. */
export interface PushRulesCaches {
  readonly pushRules: { forget(userId: string): void };
}

/** That a user changed push rules. Any process writes it, in the transaction of the change. */
export const pushRulesStream = defineStream<{ readonly userId: string }, PushRulesCaches>({
  name: "push_rules",
  writer: "push_rules",
  sharding: "user",
  sequence: "push_rules_stream_seq",
  row: tuple({ userId: "string" }),
  catchUp: pushRulesBetween,
  invalidates: (row, caches) => caches.pushRules.forget(row.userId),
  wakes: (row) => ({ users: [row.userId] }),
});
