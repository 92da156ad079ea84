import { createHash } from "node:crypto";
import { canonicalJson } from "../../lib/canonicalJson";
import { outcomeOf } from "./actions";
import { compileCondition } from "./conditions";
import { defaultRules, masterRuleId } from "./defaults";
import type { JsonValue } from "../../lib/json";
import { untouchedRules } from "./rules";
import type { Condition, DefaultChange, UserPushRules, UserRule } from "./rules";

/**
 * The rules of a user as far as they matter in one room. Members with equal `shared` rules form a class: an event is
 * evaluated once for all of them. What depends on words of the user's choice or on single senders stays out of `shared`.
 */
export interface RulesInRoom {
  /** 0 for untouched rules, else a hash of `shared`. */
  readonly classId: number;
  readonly shared: UserPushRules;
  /** Everything that can match in the room. */
  readonly own: UserPushRules;
  /** Patterns of content rules: a body that matches one needs an evaluation with `own`. */
  readonly patterns: readonly string[];
  /** The same for events of these senders. */
  readonly senders: readonly string[];
}

const mutedRules: UserPushRules = { rules: {}, defaults: { [masterRuleId]: { enabled: true } } };
const maxClassId = 2 ** 48;

/** Equal for equal rules on every process and in every version. */
export function classIdOf(shared: UserPushRules): number {
  if (Object.keys(shared.rules).length === 0 && Object.keys(shared.defaults).length === 0) return 0;
  const digest = createHash("sha256")
    .update(canonicalJson(shared as unknown as JsonValue))
    .digest();
  return 1 + (digest.readUIntBE(0, 6) % (maxClassId - 1));
}

/** The one room that a condition admits, if it names one by its whole id. */
function namedRoom(condition: Condition): string | undefined {
  if (condition["key"] !== "room_id") return undefined;
  const wanted =
    condition["kind"] === "event_match" ? condition["pattern"] : condition["kind"] === "event_property_is" ? condition["value"] : undefined;
  return typeof wanted === "string" && !/[*?]/.test(wanted) ? wanted : undefined;
}

const ROOM_ID = /^![^\u0000]{1,254}$/;

const neverMatches = compileCondition({ kind: "" });

/** Drops rules that cannot match in the room, and of the others the conditions that are met by being there. */
function conditionalRulesIn(list: readonly UserRule[] | undefined, roomId: string): UserRule[] {
  return (list ?? []).flatMap((rule) => {
    const rooms = (rule.conditions ?? []).map(namedRoom);
    if (!rule.enabled || rooms.some((room) => room !== undefined && room !== roomId)) return [];
    const conditions = (rule.conditions ?? []).filter((_, i) => rooms[i] === undefined);
    if (conditions.some((condition) => compileCondition(condition) === neverMatches)) return [];
    return [{ rule_id: "", enabled: true, conditions, actions: outcomeOf(rule.actions).actions }];
  });
}

function defaultChanges(changes: UserPushRules["defaults"]): Record<string, DefaultChange> {
  const kept: Record<string, DefaultChange> = {};
  for (const rule of defaultRules) {
    const change = changes[rule.rule_id];
    if (!change) continue;
    const enabled = change.enabled ?? rule.enabled;
    const actions = outcomeOf(change.actions ?? rule.actions).actions;
    const changed = enabled !== rule.enabled || (enabled && canonicalJson([...actions]) !== canonicalJson([...rule.actions]));
    if (changed) kept[rule.rule_id] = enabled ? { enabled, actions } : { enabled };
  }
  return kept;
}

function isMuted(rules: UserPushRules): boolean {
  const master = rules.defaults[masterRuleId];
  return master?.enabled === true && outcomeOf(master.actions ?? []).actions.length === 0;
}

function ruleset(lists: UserPushRules["rules"], defaults: UserPushRules["defaults"]): UserPushRules {
  return { rules: Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)), defaults };
}

const untouchedAnywhere: RulesInRoom = { classId: 0, shared: untouchedRules, own: untouchedRules, patterns: [], senders: [] };

/** roomId "" stands for a room that no rule of the user names. */
export function rulesInRoom(rules: UserPushRules, roomId: string): RulesInRoom {
  if (rules === untouchedRules) return untouchedAnywhere;
  if (isMuted(rules)) return { classId: classIdOf(mutedRules), shared: mutedRules, own: mutedRules, patterns: [], senders: [] };
  const override = conditionalRulesIn(rules.rules.override, roomId);
  const underride = conditionalRulesIn(rules.rules.underride, roomId);
  const room = (rules.rules.room ?? [])
    .filter((rule) => rule.enabled && rule.rule_id === roomId)
    .map((rule) => ({ ...rule, actions: outcomeOf(rule.actions).actions }));
  const content = (rules.rules.content ?? []).filter((rule) => rule.enabled);
  const sender = (rules.rules.sender ?? []).filter((rule) => rule.enabled);
  const defaults = defaultChanges(rules.defaults);
  const shared = ruleset({ override, room, underride }, defaults);
  return {
    classId: classIdOf(shared),
    shared,
    own: ruleset({ override, content, room, sender, underride }, defaults),
    patterns: content.flatMap((rule) => (rule.pattern === undefined ? [] : [rule.pattern])),
    senders: sender.map((rule) => rule.rule_id),
  };
}

/** Rooms in which rules apply that do not apply elsewhere. */
function roomsNamed(rules: UserPushRules): Set<string> {
  const rooms = new Set((rules.rules.room ?? []).map((rule) => rule.rule_id));
  for (const rule of [...(rules.rules.override ?? []), ...(rules.rules.underride ?? [])]) {
    for (const condition of rule.conditions ?? []) {
      const room = namedRoom(condition);
      if (room !== undefined) rooms.add(room);
    }
  }
  for (const room of rooms) if (!ROOM_ID.test(room)) rooms.delete(room);
  return rooms;
}

export interface ClassChange {
  /** "" for all rooms that have no class of their own. */
  readonly roomId: string;
  /** Null: from now on the class of all other rooms holds in this one too. */
  readonly classId: number | null;
}

/** How the classes of a user move with a change of rules. */
export function classChanges(before: UserPushRules, after: UserPushRules): ClassChange[] {
  const [rest, restBefore] = [rulesInRoom(after, "").classId, rulesInRoom(before, "").classId];
  const changes: ClassChange[] = rest === restBefore ? [] : [{ roomId: "", classId: rest }];
  const [roomsAfter, roomsBefore] = [roomsNamed(after), roomsNamed(before)];
  const classIn = (rules: UserPushRules, rooms: Set<string>, roomId: string): number | null =>
    rooms.has(roomId) ? rulesInRoom(rules, roomId).classId : null;
  for (const roomId of new Set([...roomsAfter, ...roomsBefore])) {
    const classId = classIn(after, roomsAfter, roomId);
    if (classId !== classIn(before, roomsBefore, roomId)) changes.push({ roomId, classId });
  }
  return changes;
}
