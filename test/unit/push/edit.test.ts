import { copyRoomRules, deleteRule, putRule, setActions, setEnabled } from "../../../src/rooms/push/edit";
import type { Edit, NewRule } from "../../../src/rooms/push/edit";
import { formatRuleset } from "../../../src/rooms/push/format";
import { untouchedRules } from "../../../src/rooms/push/rules";
import type { UserPushRules } from "../../../src/rooms/push/rules";
import { rulesWith, userRule } from "./builders";

function done(edit: Edit): UserPushRules {
  if (!("rules" in edit)) throw new Error(`refused: ${JSON.stringify(edit)}`);
  return edit.rules;
}
const room = (ruleId: string, place: Partial<NewRule> = {}): NewRule => ({ kind: "room", ruleId, body: { actions: ["notify"] }, ...place });
const put = (rules: UserPushRules, ...wanted: NewRule[]) => wanted.reduce((now, rule) => done(putRule(now, rule)), rules);
const order = (rules: UserPushRules) => (rules.rules.room ?? []).map((rule) => rule.rule_id).join("");

describe("order", () => {
  const ab = put(untouchedRules, room("a"), room("b"));
  test.each([
    ["new rules come first", ab, "ba"],
    ["before", put(ab, room("c", { before: "a" })), "bca"],
    ["after", put(ab, room("c", { after: "b" })), "bca"],
    ["after the last", put(ab, room("c", { after: "a" })), "bac"],
    ["before wins", put(ab, room("c", { before: "b", after: "a" })), "cba"],
    ["a change keeps the place", put(ab, room("a")), "ba"],
    ["a change can move", put(ab, room("a", { before: "b" })), "ab"],
    ["relative to itself", put(ab, room("a", { before: "a" })), "ba"],
  ])("%s", (_, rules, expected) => expect(order(rules)).toBe(expected));

  test("an unknown neighbour is refused", () => {
    expect(putRule(ab, room("c", { before: "x" }))).toEqual({ problem: "invalid", message: "before/after rule not found: x" });
    expect(putRule(ab, room("c", { after: ".m.rule.message" }))).toMatchObject({ problem: "invalid" });
    expect(putRule(ab, room("c", { before: "c" }))).toMatchObject({ problem: "invalid" });
  });
});

test.each<[string, NewRule]>([
  ["no conditions", { kind: "override", ruleId: "r", body: { actions: [] } }],
  ["conditions that are no list", { kind: "override", ruleId: "r", body: { actions: [], conditions: {} } }],
  ["condition without kind", { kind: "underride", ruleId: "r", body: { actions: [], conditions: [{}] } }],
  ["no pattern", { kind: "content", ruleId: "r", body: { actions: [] } }],
  ["no actions", { kind: "room", ruleId: "r", body: {} }],
  ["unknown action", { kind: "room", ruleId: "r", body: { actions: ["not_an_action"] } }],
  ["action of a wrong type", { kind: "room", ruleId: "r", body: { actions: [1] } }],
  ["tweak without name", { kind: "room", ruleId: "r", body: { actions: [{ value: 1 }] } }],
])("refused: %s", (_, rule) => expect(putRule(untouchedRules, rule)).toMatchObject({ problem: "invalid" }));

test("switches and actions of a user's rule", () => {
  const rules = put(untouchedRules, room("a"));
  const off = done(setEnabled(rules, "room", "a", false));
  expect(off.rules.room?.[0]?.enabled).toBe(false);
  expect(put(off, room("a")).rules.room?.[0]?.enabled).toBe(false);
  expect(done(setActions(rules, "room", "a", ["dont_notify"])).rules.room?.[0]?.actions).toEqual(["dont_notify"]);
  expect(setActions(rules, "room", "a", "notify")).toMatchObject({ problem: "invalid" });
  expect(setActions(rules, "room", "x", [])).toEqual({ problem: "missing" });
  expect(setEnabled(rules, "sender", "a", true)).toEqual({ problem: "missing" });
});

test("undoing a change of a default rule leaves nothing", () => {
  const changed = done(setEnabled(untouchedRules, "override", ".m.rule.master", true));
  expect(changed.defaults).toEqual({ ".m.rule.master": { enabled: true } });
  expect(done(setEnabled(changed, "override", ".m.rule.master", false))).toEqual(untouchedRules);
  const silenced = done(setActions(untouchedRules, "underride", ".m.rule.message", []));
  const both = done(setEnabled(silenced, "underride", ".m.rule.message", false));
  expect(both.defaults).toEqual({ ".m.rule.message": { enabled: false, actions: [] } });
  expect(setEnabled(untouchedRules, "underride", ".m.rule.master", true)).toEqual({ problem: "missing" });
});

test("deleting", () => {
  const rules = put(untouchedRules, room("a"), room("b"));
  expect(order(done(deleteRule(rules, "room", "b")))).toBe("a");
  expect(done(deleteRule(put(untouchedRules, room("a")), "room", "a"))).toEqual(untouchedRules);
  expect(deleteRule(rules, "room", "x")).toEqual({ problem: "missing" });
  expect(deleteRule(rules, "override", ".m.rule.master")).toEqual({ problem: "missing" });
});

test("the form that clients see", () => {
  const rules = rulesWith(
    { override: [userRule("mine", { conditions: [{ kind: "x" }] })], content: [userRule("cake", { pattern: "cake" })] },
    { ".m.rule.message": { actions: ["dont_notify"] } },
  );
  const shown = formatRuleset(rules, "@alice:example.org");
  expect(shown.override.slice(0, 3).map((rule) => rule.rule_id)).toEqual([".m.rule.master", "mine", ".m.rule.suppress_notices"]);
  expect(shown.override[0]).toEqual({ rule_id: ".m.rule.master", default: true, enabled: false, conditions: [], actions: [] });
  expect(shown.content).toEqual([
    { rule_id: "cake", default: false, enabled: true, actions: ["notify"], pattern: "cake" },
    expect.objectContaining({ rule_id: ".m.rule.contains_user_name", default: true, pattern: "alice" }),
  ]);
  expect(shown.room).toEqual([]);
  expect(shown.override.find((rule) => rule.rule_id === ".m.rule.is_user_mention")?.["conditions"]).toEqual([
    { kind: "event_property_contains", key: "content.m\\.mentions.user_ids", value: "@alice:example.org" },
  ]);
  expect(shown.underride.find((rule) => rule.rule_id === ".m.rule.message")?.["actions"]).toEqual(["dont_notify"]);
});

test("rules for a room are carried over to its replacement", () => {
  const rules = rulesWith({
    room: [userRule("!old:x", { actions: [] })],
    override: [
      userRule("!old:x", { conditions: [{ kind: "event_match", key: "room_id", pattern: "!old:x" }] }),
      userRule("other", { conditions: [] }),
    ],
  });
  const copied = copyRoomRules(rules, "!old:x", "!new:x");
  expect(copied.rules.room?.map((rule) => rule.rule_id)).toEqual(["!new:x", "!old:x"]);
  expect(copied.rules.override?.[0]).toMatchObject({ rule_id: "!new:x", conditions: [{ pattern: "!new:x" }] });
  expect(copied.rules.override).toHaveLength(3);
  expect(copyRoomRules(copied, "!old:x", "!new:x")).toEqual(copied);
});
