import { classHistory } from "../../../src/rooms/push/classHistory";
import { classChanges, classIdOf, rulesInRoom } from "../../../src/rooms/push/classes";
import { compileRuleset, evaluate } from "../../../src/rooms/push/ruleset";
import { untouchedRules } from "../../../src/rooms/push/rules";
import { threadHint } from "../../../src/rooms/push/threads";
import { createWordIndex, indexableStart } from "../../../src/rooms/push/wordIndex";
import { alice, message, rulesWith, userRule, viewOf } from "./builders";

const inRoom = (roomId: string) => ({ kind: "event_match", key: "room_id", pattern: roomId });
const mute = (roomId: string) => userRule(roomId, { conditions: [inRoom(roomId)], actions: ["dont_notify"] });

test("untouched rules are class 0, and so are rules that say nothing in the room", () => {
  expect(rulesInRoom(untouchedRules, "!a").classId).toBe(0);
  expect(rulesInRoom(rulesWith({ override: [mute("!b")] }), "!a").classId).toBe(0);
  expect(rulesInRoom(rulesWith({ room: [userRule("!b", {})] }), "!a").classId).toBe(0);
  expect(rulesInRoom(rulesWith({ override: [{ ...mute("!a"), enabled: false }] }), "!a").classId).toBe(0);
  expect(rulesInRoom(rulesWith({ override: [userRule("x", { conditions: [{ kind: "unknown" }] })] }), "!a").classId).toBe(0);
  expect(rulesInRoom(rulesWith({}, { ".m.rule.master": { enabled: false } }), "!a").classId).toBe(0);
});

test("users who muted the room share a class whatever else they muted", () => {
  const one = rulesInRoom(rulesWith({ override: [mute("!a"), mute("!b")] }), "!a");
  const two = rulesInRoom(
    rulesWith({ override: [mute("!c"), userRule("my own id", { ...mute("!a"), rule_id: "my own id", actions: [] })] }),
    "!a",
  );
  expect(one.classId).toBe(two.classId);
  expect(one.classId).toBeGreaterThan(0);
  expect(evaluate(compileRuleset(one.shared), viewOf(message("hello"))).notify).toBe(false);
});

test("keywords and senders do not make classes", () => {
  const rules = rulesWith({ content: [userRule("k", { pattern: "cake" })], sender: [userRule("@carol:x", { actions: [] })] });
  expect(rulesInRoom(rules, "!a")).toMatchObject({ classId: 0, patterns: ["cake"], senders: ["@carol:x"] });
  expect(evaluate(compileRuleset(rulesInRoom(rules, "!a").own), viewOf(message("cake")), alice).actions).toEqual(["notify"]);
});

test("whoever muted everything is in one class", () => {
  const master = { ".m.rule.master": { enabled: true } };
  const other = rulesWith({ content: [userRule("k", { pattern: "cake" })] }, master);
  expect(rulesInRoom(rulesWith({}, master), "!a")).toEqual(rulesInRoom(other, "!b"));
});

test("class ids do not depend on the order of keys", () => {
  const a = rulesWith({ override: [userRule("", { conditions: [{ kind: "k", key: "x" }] })] });
  const b = rulesWith({ override: [{ conditions: [{ key: "x", kind: "k" }], enabled: true, actions: ["notify"], rule_id: "" }] });
  expect(classIdOf(a)).toBe(classIdOf(b));
});

test("changes of classes", () => {
  const muted = rulesWith({ override: [mute("!a")] });
  const classId = rulesInRoom(muted, "!a").classId;
  expect(classChanges(untouchedRules, muted)).toEqual([{ roomId: "!a", classId }]);
  expect(classChanges(muted, untouchedRules)).toEqual([{ roomId: "!a", classId: null }]);
  expect(classChanges(muted, rulesWith({ override: [mute("!a"), mute("!b")] }))).toEqual([{ roomId: "!b", classId }]);
  const quiet = rulesWith({}, { ".m.rule.message": { enabled: false } });
  expect(classChanges(untouchedRules, quiet)).toEqual([{ roomId: "", classId: rulesInRoom(quiet, "").classId }]);
});

describe("word index", () => {
  const index = createWordIndex<string>();
  for (const words of ["alice liddell", "bob", "тест", "😀", "é", "jörg", "@room"]) index.add(words, words);
  test.each([
    ["hi alice", ["alice liddell"]],
    ["alices", []],
    ["bob, 😀", ["bob", "😀"]],
    ["это тест", ["тест"]],
    ["é", ["é"]],
    ["jörg", ["jörg"]],
    ["x@room", ["@room"]],
    ["", []],
  ])("%s", (text, found) => expect([...index.find(text)].sort()).toEqual([...found].sort()));

  test("removing", () => {
    const small = createWordIndex<string>();
    const key = small.add("bob", "1");
    small.add("bob", "2");
    small.remove(key, "1");
    expect([...small.find("bob")]).toEqual(["2"]);
    small.remove(key, "2");
    expect(small.find("bob").size).toBe(0);
    expect(small.add("", "3")).toBe("");
  });

  test("of several words the rarest is the key", () => {
    const names = createWordIndex<string>();
    for (const name of ["dr smith", "dr jones", "dr smith the younger"]) names.add(name, name);
    expect([...names.find("dr jones")]).toEqual(["dr smith", "dr jones"]);
    expect([...names.find("the younger")]).toEqual([]);
    expect([...names.find("smith")]).toEqual(["dr smith the younger"]);
  });

  test.each([
    ["Cake", "cake"],
    ["cake*", undefined],
    ["cake is *", "cake is "],
    ["*cake", undefined],
    ["?", undefined],
    ["", undefined],
    ["тес*", "тес"],
    ["т*", undefined],
  ])("start of %s", (pattern, start) => expect(indexableStart(pattern)).toBe(start));
});

test.each([
  [{}, undefined],
  [{ "m.relates_to": { rel_type: "m.thread", event_id: "$root" } }, { root: "$root" }],
  [{ "m.relates_to": { rel_type: "m.annotation", event_id: "$a", key: "x" } }, { follows: "$a" }],
  [{ "m.relates_to": { "m.in_reply_to": { event_id: "$a" } } }, undefined],
  [{ "m.relates_to": "nonsense" }, undefined],
])("thread of %j", (content, hint) => expect(threadHint(content)).toEqual(hint));

test("classes over time", () => {
  const history = classHistory([
    { roomId: "", since: 10, classId: 7 },
    { roomId: "", since: 40, classId: 0 },
    { roomId: "!a", since: 20, classId: 8 },
    { roomId: "!a", since: 30, classId: null },
  ]);
  expect([10, 11, 20, 21, 31, 40, 41].map((position) => history.at("!a", position))).toEqual([0, 7, 7, 8, 7, 7, 0]);
  expect(history.intervals("!a", 0, 100)).toEqual([
    { classId: 0, after: 0, upTo: 10 },
    { classId: 7, after: 10, upTo: 20 },
    { classId: 8, after: 20, upTo: 30 },
    { classId: 7, after: 30, upTo: 40 },
    { classId: 0, after: 40, upTo: 100 },
  ]);
  expect(history.intervals("!b", 15, 40)).toEqual([{ classId: 7, after: 15, upTo: 40 }]);
  expect(history.intervals("!b", 40, 100)).toEqual([{ classId: 0, after: 40, upTo: 100 }]);
  expect(classHistory([{ roomId: "!a", since: 5, classId: 9 }]).intervals("!a", 50, 60)).toEqual([{ classId: 9, after: 50, upTo: 60 }]);
  expect(classHistory([]).intervals("!a", 0, 9)).toEqual([{ classId: 0, after: 0, upTo: 9 }]);
  expect(classHistory([]).intervals("!a", 9, 9)).toEqual([]);
});
