import { isJsonObject } from "../../lib/json";
import type { JsonObject, JsonValue } from "../../lib/json";
import { isValidAction } from "./actions";
import { defaultRule } from "./defaults";
import type { Action, Condition, DefaultChange, RuleKind, UserPushRules, UserRule } from "./rules";

/** A change of rules, or why there is none: "invalid" with a message for the client, "missing" when the rule is not there. */
export type Edit =
  { readonly rules: UserPushRules } | { readonly problem: "invalid"; readonly message: string } | { readonly problem: "missing" };

const invalid = (message: string): Edit => ({ problem: "invalid", message });
const missing: Edit = { problem: "missing" };

/** A user is expected to have tens; each costs time for every event in a room where it may apply. */
export const MAX_USER_RULES = 2000;

export interface NewRule {
  readonly kind: RuleKind;
  readonly ruleId: string;
  readonly body: JsonObject;
  /** The rule of the same kind that the new one goes in front of, or behind. `before` wins. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

function validActions(value: JsonValue | undefined): { actions: readonly Action[] } | { message: string } {
  if (!Array.isArray(value)) return { message: "No actions found" };
  return value.every(isValidAction) ? { actions: value } : { message: "Unrecognised action" };
}

function validConditions(value: JsonValue | undefined): { conditions: readonly Condition[] } | { message: string } {
  if (!Array.isArray(value)) return { message: "Missing 'conditions'" };
  const conditions = value.filter(isJsonObject);
  const complete = conditions.length === value.length && conditions.every((condition) => typeof condition["kind"] === "string");
  return complete ? { conditions } : { message: "Condition without 'kind'" };
}

function parseRule({ kind, ruleId, body }: NewRule): UserRule | { message: string } {
  const parts: { conditions?: readonly Condition[]; pattern?: string } = {};
  if (kind === "override" || kind === "underride") {
    const checked = validConditions(body["conditions"]);
    if ("message" in checked) return checked;
    parts.conditions = checked.conditions;
  } else if (kind === "content") {
    const pattern = body["pattern"];
    if (typeof pattern !== "string") return { message: "Content rule missing 'pattern'" };
    parts.pattern = pattern;
  }
  const checked = validActions(body["actions"]);
  return "message" in checked ? checked : { rule_id: ruleId, ...parts, actions: checked.actions, enabled: true };
}

function withKind(rules: UserPushRules, kind: RuleKind, list: readonly UserRule[]): UserPushRules {
  const { [kind]: _, ...others } = rules.rules;
  return { ...rules, rules: list.length > 0 ? { ...others, [kind]: list } : others };
}

const countRules = (rules: UserPushRules): number => Object.values(rules.rules).reduce((sum, list) => sum + list.length, 0);

/** Where the rule goes in a list that it is not in; undefined when the rule it refers to is not there either. */
function placeFor(list: readonly UserRule[], rule: NewRule, previous: number): number | undefined {
  const anchor = rule.before ?? rule.after;
  if (anchor === undefined) return Math.max(0, previous);
  if (anchor === rule.ruleId) return previous < 0 ? undefined : previous;
  const at = list.findIndex((other) => other.rule_id === anchor);
  if (at < 0) return undefined;
  return rule.before === undefined ? at + 1 : at;
}

/**
 * Adds a rule, or changes the one of the same kind and id, which then keeps its place unless told otherwise and stays
 * disabled if it is. A new rule becomes the most important of its kind.
 */
export function putRule(rules: UserPushRules, wanted: NewRule): Edit {
  const parsed = parseRule(wanted);
  if ("message" in parsed) return invalid(parsed.message);
  const list = rules.rules[wanted.kind] ?? [];
  const previous = list.findIndex((rule) => rule.rule_id === wanted.ruleId);
  if (previous < 0 && countRules(rules) >= MAX_USER_RULES) return invalid("Too many push rules");
  const others = list.filter((_, i) => i !== previous);
  const place = placeFor(others, wanted, previous);
  if (place === undefined) return invalid(`before/after rule not found: ${wanted.before ?? wanted.after}`);
  const rule = { ...parsed, enabled: list[previous]?.enabled ?? true };
  return { rules: withKind(rules, wanted.kind, [...others.slice(0, place), rule, ...others.slice(place)]) };
}

export function deleteRule(rules: UserPushRules, kind: RuleKind, ruleId: string): Edit {
  const list = rules.rules[kind] ?? [];
  const rest = list.filter((rule) => rule.rule_id !== ruleId);
  return rest.length === list.length ? missing : { rules: withKind(rules, kind, rest) };
}

/** Leaves out what the default rule says anyway, so that whoever undoes a change has untouched rules again. */
function essentialChange(kind: RuleKind, ruleId: string, change: DefaultChange): DefaultChange | undefined {
  const rule = defaultRule(kind, ruleId);
  const enabled = change.enabled === rule?.enabled ? undefined : change.enabled;
  const actions = JSON.stringify(change.actions) === JSON.stringify(rule?.actions) ? undefined : change.actions;
  if (enabled === undefined && actions === undefined) return undefined;
  return { ...(enabled === undefined ? {} : { enabled }), ...(actions === undefined ? {} : { actions }) };
}

function changeRule(rules: UserPushRules, kind: RuleKind, ruleId: string, change: DefaultChange): Edit {
  if (defaultRule(kind, ruleId)) {
    const { [ruleId]: previous, ...others } = rules.defaults;
    const essential = essentialChange(kind, ruleId, { ...previous, ...change });
    return { rules: { ...rules, defaults: essential ? { ...others, [ruleId]: essential } : others } };
  }
  const list = rules.rules[kind] ?? [];
  if (!list.some((rule) => rule.rule_id === ruleId)) return missing;
  return {
    rules: withKind(
      rules,
      kind,
      list.map((rule) => (rule.rule_id === ruleId ? { ...rule, ...change } : rule)),
    ),
  };
}

export function setEnabled(rules: UserPushRules, kind: RuleKind, ruleId: string, enabled: boolean): Edit {
  return changeRule(rules, kind, ruleId, { enabled });
}

export function setActions(rules: UserPushRules, kind: RuleKind, ruleId: string, actions: JsonValue | undefined): Edit {
  const checked = validActions(actions);
  return "message" in checked ? invalid(checked.message) : changeRule(rules, kind, ruleId, { actions: checked.actions });
}

/** Carries what a user set for a room over to the one that replaces it: its room rule, and rules that name it in a condition. */
export function copyRoomRules(rules: UserPushRules, oldRoomId: string, newRoomId: string): UserPushRules {
  const names = (condition: Condition): boolean =>
    condition["key"] === "room_id" && (condition["pattern"] === oldRoomId || condition["value"] === oldRoomId);
  const renamed = (condition: Condition): Condition => {
    if (!names(condition)) return condition;
    return "pattern" in condition ? { ...condition, pattern: newRoomId } : { ...condition, value: newRoomId };
  };
  let result = rules;
  for (const kind of ["override", "room", "underride"] as const) {
    const list = result.rules[kind] ?? [];
    const taken = new Set(list.map((rule) => rule.rule_id));
    const copies = list.flatMap((rule): UserRule[] => {
      const concerned = kind === "room" ? rule.rule_id === oldRoomId : (rule.conditions ?? []).some(names);
      const ruleId = rule.rule_id.replaceAll(oldRoomId, newRoomId);
      if (!concerned || taken.has(ruleId)) return [];
      return [{ ...rule, rule_id: ruleId, ...(rule.conditions ? { conditions: rule.conditions.map(renamed) } : {}) }];
    });
    if (copies.length > 0) result = withKind(result, kind, [...copies, ...list]);
  }
  return result;
}
