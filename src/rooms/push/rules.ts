import type { JsonObject, JsonValue } from "../../lib/json";

/** The kinds of push rules in the order in which they are checked. */
export const ruleKinds = ["override", "content", "room", "sender", "underride"] as const;
export type RuleKind = (typeof ruleKinds)[number];

export const isRuleKind = (text: string): text is RuleKind => (ruleKinds as readonly string[]).includes(text);

/** `"notify"`, or `{"set_tweak": ..., "value": ...}`. Historical actions are kept as given and ignored. */
export type Action = JsonValue;

/** A condition as clients write it. Which fields it needs depends on `kind`. */
export type Condition = JsonObject;

/** A rule that a user made. `conditions` belongs to override and underride rules, `pattern` to content rules. */
export interface UserRule {
  readonly rule_id: string;
  readonly actions: readonly Action[];
  readonly enabled: boolean;
  readonly conditions?: readonly Condition[];
  readonly pattern?: string;
}

/** What a user changed of a default rule; what is absent stays as it comes. */
export interface DefaultChange {
  readonly enabled?: boolean;
  readonly actions?: readonly Action[];
}

/** How the rules of a user differ from the default ones. This is the JSON that the database holds. */
export interface UserPushRules {
  /** Most important first within a kind. */
  readonly rules: { readonly [K in RuleKind]?: readonly UserRule[] };
  readonly defaults: { readonly [ruleId: string]: DefaultChange };
}

/** The rules of a user who never changed anything. */
export const untouchedRules: UserPushRules = { rules: {}, defaults: {} };
