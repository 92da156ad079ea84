import type { JsonObject, JsonValue } from "../../lib/json";
import { localpartOf } from "./conditions";
import { defaultRules, masterRuleId, ownLocalpart, ownUserId } from "./defaults";
import type { DefaultCondition, DefaultRule, Placeholder } from "./defaults";
import { ruleKinds } from "./rules";
import type { RuleKind, UserPushRules, UserRule } from "./rules";

/** A rule as clients see it (PushRule of the client-server API). */
export type ClientRule = JsonObject & { readonly rule_id: string };
export type ClientRuleset = { readonly [K in RuleKind]: ClientRule[] };

function formatUserRule(kind: RuleKind, rule: UserRule): ClientRule {
  const shown: ClientRule = { rule_id: rule.rule_id, default: false, enabled: rule.enabled, actions: [...rule.actions] };
  if (kind === "content") return { ...shown, pattern: rule.pattern };
  return kind === "override" || kind === "underride" ? { ...shown, conditions: [...(rule.conditions ?? [])] } : shown;
}

function formatDefaultRule(rule: DefaultRule, rules: UserPushRules, userId: string): ClientRule {
  const change = rules.defaults[rule.rule_id];
  const fill = (value: JsonValue | Placeholder): JsonValue => {
    if (value === ownUserId) return userId;
    return value === ownLocalpart ? localpartOf(userId) : (value as JsonValue);
  };
  const formatCondition = (condition: DefaultCondition): JsonObject =>
    Object.fromEntries(Object.entries(condition).map(([key, value]) => [key, fill(value as JsonValue | Placeholder)]));
  const shown: ClientRule = {
    rule_id: rule.rule_id,
    default: true,
    enabled: change?.enabled ?? rule.enabled,
    actions: [...(change?.actions ?? rule.actions)],
  };
  const conditions = rule.conditions.map(formatCondition);
  return rule.kind === "content" ? { ...shown, pattern: conditions[0]?.["pattern"] } : { ...shown, conditions };
}

/** The whole `global` ruleset of a user, each kind in the order in which it is checked. */
export function formatRuleset(rules: UserPushRules, userId: string): ClientRuleset {
  const formatKind = (kind: RuleKind): ClientRule[] => {
    const server = defaultRules.filter((rule) => rule.kind === kind);
    const shown = (rule: DefaultRule): ClientRule => formatDefaultRule(rule, rules, userId);
    return [
      ...server.filter((rule) => rule.rule_id === masterRuleId).map(shown),
      ...(rules.rules[kind] ?? []).map((rule) => formatUserRule(kind, rule)),
      ...server.filter((rule) => rule.rule_id !== masterRuleId).map(shown),
    ];
  };
  return Object.fromEntries(ruleKinds.map((kind) => [kind, formatKind(kind)])) as unknown as ClientRuleset;
}
