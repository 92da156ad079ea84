import { parsePath } from "../../../src/rooms/push/eventView";
import { compileRuleset, defaultRuleset, evaluate } from "../../../src/rooms/push/ruleset";
import type { Condition } from "../../../src/rooms/push/rules";
import { alice, message, rulesWith, userRule, viewOf } from "./builders";

const sound = { set_tweak: "sound", value: "default" };
const highlight = { set_tweak: "highlight" };
const noHighlight = { set_tweak: "highlight", value: false };

describe("default rules", () => {
  const member = (content: object, stateKey = "@alice:example.org") => message({ ...content }, { type: "m.room.member", stateKey });
  test.each([
    ["a message", message("hello"), {}, ["notify", noHighlight]],
    ["a message between two", message("hello"), { members: 2 }, ["notify", sound, noHighlight]],
    ["a notice", message({ msgtype: "m.notice", body: "hello alice" }), {}, []],
    ["an encrypted event", message({}, { type: "m.room.encrypted" }), {}, ["notify", noHighlight]],
    ["an encrypted event between two", message({}, { type: "m.room.encrypted" }), { members: 2 }, ["notify", sound, noHighlight]],
    ["an invite", member({ membership: "invite" }), {}, ["notify", noHighlight, sound]],
    ["an invite for someone else", member({ membership: "invite" }, "@carol:example.org"), {}, []],
    ["a join", member({ membership: "join" }), {}, []],
    ["the display name", message("hi alice liddell!"), {}, ["notify", highlight, sound]],
    ["the localpart", message("ALICE: hi"), {}, ["notify", highlight, sound]],
    ["part of the localpart", message("malice"), {}, ["notify", noHighlight]],
    ["a mention", message({ body: "x", "m.mentions": { user_ids: ["@alice:example.org"] } }), {}, ["notify", highlight, sound]],
    [
      "a mention of someone else",
      message({ body: "alice", "m.mentions": { user_ids: ["@carol:example.org"] } }),
      {},
      ["notify", noHighlight],
    ],
    ["@room with power", message("hi @room"), { power: true }, ["notify", highlight]],
    ["@room without power", message("hi @room"), {}, ["notify", noHighlight]],
    ["@room with mentions", message({ body: "@room", "m.mentions": {} }), { power: true }, ["notify", noHighlight]],
    ["a room mention", message({ body: "x", "m.mentions": { room: true } }), { power: true }, ["notify", highlight]],
    ["a room mention without power", message({ body: "x", "m.mentions": { room: true } }), {}, ["notify", noHighlight]],
    ["an edit", message({ body: "x", "m.relates_to": { rel_type: "m.replace", event_id: "$a" } }), {}, []],
    ["an edit with the localpart", message({ body: "alice", "m.relates_to": { rel_type: "m.replace" } }), {}, []],
    [
      "an edit that mentions",
      message({ body: "x", "m.relates_to": { rel_type: "m.replace" }, "m.mentions": { user_ids: ["@alice:example.org"] } }),
      {},
      ["notify", highlight, sound],
    ],
    ["a reaction", message({}, { type: "m.reaction" }), {}, []],
    ["a tombstone", message({}, { type: "m.room.tombstone", stateKey: "" }), {}, ["notify", highlight]],
    ["a server ACL", message({}, { type: "m.room.server_acl", stateKey: "" }), {}, []],
    ["a call", message({}, { type: "m.call.invite" }), {}, ["notify", { set_tweak: "sound", value: "ring" }, noHighlight]],
    ["a conference", message({ type: "jitsi" }, { type: "im.vector.modular.widgets", stateKey: "x" }), {}, ["notify", noHighlight]],
    ["a topic", message({ topic: "alice" }, { type: "m.room.topic", stateKey: "" }), {}, []],
  ])("%s", (_, event, room, actions) => {
    expect(evaluate(defaultRuleset, viewOf(event, room), alice).actions).toEqual(actions);
  });

  test("without a user, nobody is singled out", () => {
    const outcome = evaluate(defaultRuleset, viewOf(message("alice liddell")));
    expect(outcome).toMatchObject({ notify: true, highlight: false });
  });
});

describe("conditions", () => {
  const event = message(
    {
      body: "some text",
      flag: true,
      count: 3,
      nothing: null,
      list: ["a", 1, true, null],
      "a.b": { "c\\d": "deep" },
      top: { toString: "x" },
    },
    { stateKey: "" },
  );
  const cases: [string, Condition, boolean][] = [
    ["glob", { kind: "event_match", key: "sender", pattern: "@BOB:*" }, true],
    ["word of the body", { kind: "event_match", key: "content.body", pattern: "text" }, true],
    ["part of a word", { kind: "event_match", key: "content.body", pattern: "tex" }, false],
    ["absent property", { kind: "event_match", key: "content.topic", pattern: "*" }, false],
    ["not a string", { kind: "event_match", key: "content.flag", pattern: "*" }, false],
    ["empty state key", { kind: "event_match", key: "state_key", pattern: "" }, true],
    ["no pattern", { kind: "event_match", key: "sender" }, false],
    ["true", { kind: "event_property_is", key: "content.flag", value: true }, true],
    ["no casts", { kind: "event_property_is", key: "content.flag", value: "true" }, false],
    ["an integer", { kind: "event_property_is", key: "content.count", value: 3 }, true],
    ["null", { kind: "event_property_is", key: "content.nothing", value: null }, true],
    ["null is not absent", { kind: "event_property_is", key: "content.absent", value: null }, false],
    ["an object", { kind: "event_property_is", key: "content.list", value: ["a"] }, false],
    ["an item", { kind: "event_property_contains", key: "content.list", value: "a" }, true],
    ["an item null", { kind: "event_property_contains", key: "content.list", value: null }, true],
    ["no item", { kind: "event_property_contains", key: "content.list", value: 2 }, false],
    ["not a list", { kind: "event_property_contains", key: "content.body", value: "some text" }, false],
    ["escaped", { kind: "event_match", key: "content.a\\.b.c\\\\d", pattern: "deep" }, true],
    ["not escaped", { kind: "event_match", key: "content.a.b", pattern: "*" }, false],
    ["inherited property", { kind: "event_match", key: "content.list.constructor", pattern: "*" }, false],
    ["member count", { kind: "room_member_count", is: ">=10" }, true],
    ["member count <", { kind: "room_member_count", is: "<10" }, false],
    ["member count plain", { kind: "room_member_count", is: "10" }, true],
    ["member count ==", { kind: "room_member_count", is: "==9" }, false],
    ["member count nonsense", { kind: "room_member_count", is: "~10" }, false],
    ["permission", { kind: "sender_notification_permission", key: "room" }, false],
    ["unknown", { kind: "org.example.unknown" }, false],
  ];
  test.each(cases)("%s", (_, condition, expected) => {
    const ruleset = compileRuleset(rulesWith({ override: [userRule("r", { conditions: [condition], actions: ["notify", "mark"] })] }));
    expect(evaluate(ruleset, viewOf(event), alice).actions.includes("mark")).toBe(expected);
  });

  test.each([
    ["a.b", ["a", "b"]],
    ["a\\.b", ["a.b"]],
    ["a\\\\.b", ["a\\", "b"]],
    ["a\\xb", ["a\\xb"]],
    ["", [""]],
  ])("path %s", (key, parts) => expect(parsePath(key)).toEqual(parts));
});

describe("order and switches", () => {
  const everything: Condition[] = [];
  test("kinds are checked in order", () => {
    const marked = (tweak: string) => ["notify", { set_tweak: tweak }];
    const rules = {
      content: [userRule("c", { pattern: "*", actions: marked("content") })],
      room: [userRule("!room:example.org", { actions: marked("room") })],
      sender: [userRule("@bob:example.org", { actions: marked("sender") })],
      underride: [userRule("u", { conditions: everything, actions: marked("underride") })],
    };
    const winner = (without: readonly string[]) => {
      const left = Object.fromEntries(Object.entries(rules).filter(([kind]) => !without.includes(kind)));
      return evaluate(compileRuleset(rulesWith(left)), viewOf(message("hello"))).actions[1];
    };
    expect(winner([])).toEqual({ set_tweak: "content" });
    expect(winner(["content"])).toEqual({ set_tweak: "room" });
    expect(winner(["content", "room"])).toEqual({ set_tweak: "sender" });
    expect(winner(["content", "room", "sender"])).toEqual({ set_tweak: "underride" });
  });

  test("the master rule comes before rules of the user", () => {
    const rules = rulesWith({ override: [userRule("all", { conditions: everything })] }, { ".m.rule.master": { enabled: true } });
    expect(evaluate(compileRuleset(rules), viewOf(message("hello")), alice).actions).toEqual([]);
  });

  test("rules of the user come before the other default ones", () => {
    const rules = rulesWith({ override: [userRule("all", { conditions: everything, actions: ["dont_notify"] })] });
    expect(evaluate(compileRuleset(rules), viewOf(message("alice")), alice)).toEqual({ actions: [], notify: false, highlight: false });
  });

  test("a default rule can be disabled, and its actions changed", () => {
    const off = rulesWith({}, { ".m.rule.contains_user_name": { enabled: false }, ".m.rule.message": { actions: ["notify", "coalesce"] } });
    expect(evaluate(compileRuleset(off), viewOf(message("alice")), alice).actions).toEqual(["notify"]);
  });

  test("a disabled rule never matches", () => {
    const rules = rulesWith({ override: [userRule("all", { conditions: everything, actions: [], enabled: false })] });
    expect(evaluate(compileRuleset(rules), viewOf(message("hello")), alice).notify).toBe(true);
  });
});

test("one ruleset cannot take all the time of the writer", () => {
  const slow = Array.from({ length: 500 }, (_, i) => userRule(`r${i}`, { pattern: `${"?".repeat(200)}${i}x*`, actions: [] }));
  const view = viewOf(message("a".repeat(50_000)));
  expect(evaluate(compileRuleset(rulesWith({ content: slow })), view).notify).toBe(true);
});
