import { outcomeOf, silent } from "./actions";
import type { Outcome } from "./actions";
import { compileCondition } from "./conditions";
import type { Check, PushUser } from "./conditions";
import { defaultRules, masterRuleId } from "./defaults";
import type { EventView } from "./eventView";
import { ruleKinds, untouchedRules } from "./rules";
import type { Condition, RuleKind, UserPushRules, UserRule } from "./rules";

interface CompiledRule {
  readonly checks: readonly Check[];
  readonly outcome: Outcome;
  readonly legacyMention: boolean;
}

/** Enabled rules in the order in which they are checked. */
export interface Ruleset {
  readonly rules: readonly CompiledRule[];
}

const compiledDefaults = defaultRules.map((rule) => ({
  ...rule,
  checks: rule.conditions.map(compileCondition),
  outcome: outcomeOf(rule.actions),
}));

/** What a rule of a user demands; room, sender and content rules have their conditions by their kind. */
export function conditionsOf(kind: RuleKind, rule: UserRule): readonly Condition[] {
  switch (kind) {
    case "room":
      return [{ kind: "event_property_is", key: "room_id", value: rule.rule_id }];
    case "sender":
      return [{ kind: "event_property_is", key: "sender", value: rule.rule_id }];
    case "content":
      return [{ kind: "event_match", key: "content.body", pattern: rule.pattern }];
    default:
      return rule.conditions ?? [];
  }
}

function compileUserRules(kind: RuleKind, rules: readonly UserRule[]): CompiledRule[] {
  return rules
    .filter((rule) => rule.enabled)
    .map((rule) => ({
      checks: conditionsOf(kind, rule).map(compileCondition),
      outcome: outcomeOf(rule.actions),
      legacyMention: false,
    }));
}

function compileDefaults(kind: RuleKind, changes: UserPushRules["defaults"]): (CompiledRule & { readonly rule_id: string })[] {
  return compiledDefaults.flatMap((rule) => {
    if (rule.kind !== kind) return [];
    const change = changes[rule.rule_id];
    if (!(change?.enabled ?? rule.enabled)) return [];
    return [change?.actions ? { ...rule, outcome: outcomeOf(change.actions) } : rule];
  });
}

/** Puts the rules of a user and the default ones into one list: the master rule, then by kind the user's before the server's. */
export function compileRuleset(rules: UserPushRules): Ruleset {
  const compiled = ruleKinds.flatMap((kind) => {
    const server = compileDefaults(kind, rules.defaults);
    const master = server.filter((rule) => rule.rule_id === masterRuleId);
    const others = server.filter((rule) => rule.rule_id !== masterRuleId);
    return [...master, ...compileUserRules(kind, rules.rules[kind] ?? []), ...others];
  });
  return { rules: compiled };
}

/** The rules of everybody who never changed them. */
export const defaultRuleset = compileRuleset(untouchedRules);

/**
 * What the first matching rule says. With a user: for that user alone. Without: for all who share the ruleset and whom the
 * event does not single out by name.
 */
export function evaluate(ruleset: Ruleset, view: EventView, user?: PushUser): Outcome {
  view.startRuleset();
  for (const rule of ruleset.rules) {
    if (rule.legacyMention && view.hasMentions) continue;
    if (rule.checks.every((check) => check(view, user))) return rule.outcome;
  }
  return silent;
}
