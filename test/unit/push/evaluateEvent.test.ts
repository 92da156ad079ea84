import fc from "fast-check";
import { decodeActions, encodeActions } from "../../../src/rooms/push/actions";
import { pushUser } from "../../../src/rooms/push/conditions";
import type { PushableEvent } from "../../../src/rooms/push/eventView";
import { evaluateEvent } from "../../../src/rooms/push/evaluateEvent";
import type { EventOutcomes, PushEventContext } from "../../../src/rooms/push/evaluateEvent";
import { createPushMembers } from "../../../src/rooms/push/members";
import type { PushMembers } from "../../../src/rooms/push/members";
import { compileRuleset, defaultRuleset, evaluate } from "../../../src/rooms/push/ruleset";
import { untouchedRules } from "../../../src/rooms/push/rules";
import type { UserPushRules } from "../../../src/rooms/push/rules";
import { message, rulesWith, userRule, viewOf } from "./builders";

const context = (more: Partial<PushEventContext> = {}): PushEventContext => ({
  memberCount: () => 10,
  senderMayNotify: () => false,
  ignorers: new Set(),
  invitee: undefined,
  readBySender: true,
  ...more,
});

const muted = rulesWith({ room: [userRule("!room:example.org", { actions: [] })] });
function membersOf(rules: Record<string, UserPushRules>): PushMembers {
  const members = createPushMembers("!room:example.org");
  for (const [name, own] of Object.entries(rules)) members.set(`@${name}:example.org`, name.toUpperCase(), own);
  return members;
}
const idOf = (name: string) => `@${name}:example.org`;
const usersOf = (outcomes: EventOutcomes) => outcomes.users.map(({ userId, notify, highlight }) => ({ userId, notify, highlight }));

test("a plain message is one row however many members there are", () => {
  const everyone = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`user${i}`, untouchedRules]));
  const outcomes = evaluateEvent(message("hello"), membersOf(everyone), context());
  expect(outcomes.users).toEqual([]);
  expect(outcomes.classes).toMatchObject([{ classId: 0, notify: 1, highlight: 0 }]);
});

test("a room where only the sender is needs no rows", () => {
  expect(evaluateEvent(message("hello"), membersOf({ bob: untouchedRules }), context())).toEqual({ classes: [], users: [] });
});

test("users who muted the room are one row", () => {
  const outcomes = evaluateEvent(message("hello"), membersOf({ alice: untouchedRules, carol: muted, dave: muted }), context());
  expect(outcomes.classes.map(({ notify, highlight }) => ({ notify, highlight }))).toEqual([
    { notify: 1, highlight: 0 },
    { notify: -1, highlight: 0 },
  ]);
  expect(outcomes.users).toEqual([]);
});

test("names, mentions and keywords single users out", () => {
  const keyword = rulesWith({ content: [userRule("k", { pattern: "cake", actions: ["notify", { set_tweak: "highlight" }] })] });
  const wild = rulesWith({ content: [userRule("k", { pattern: "*ake", actions: [] })] });
  const members = membersOf({ alice: untouchedRules, carol: keyword, dave: wild, erin: muted, bob: untouchedRules });
  expect(usersOf(evaluateEvent(message("alice and Bob"), members, context()))).toEqual([
    { userId: idOf("alice"), notify: 0, highlight: 1 },
  ]);
  expect(usersOf(evaluateEvent(message("Cake!"), members, context()))).toEqual([
    { userId: idOf("carol"), notify: 0, highlight: 1 },
    { userId: idOf("dave"), notify: -1, highlight: 0 },
  ]);
  const mention = message({ body: "x", "m.mentions": { user_ids: [idOf("erin"), idOf("stranger"), 3, idOf("bob")] } });
  expect(usersOf(evaluateEvent(mention, members, context()))).toEqual([{ userId: idOf("erin"), notify: 1, highlight: 1 }]);
});

test("rules for a sender single users out", () => {
  const quiet = rulesWith({ sender: [userRule(idOf("bob"), { actions: [] })] });
  const members = membersOf({ alice: untouchedRules, carol: quiet });
  expect(usersOf(evaluateEvent(message("hello"), members, context()))).toEqual([{ userId: idOf("carol"), notify: -1, highlight: 0 }]);
  expect(usersOf(evaluateEvent(message("hello", { sender: idOf("zoe") }), members, context()))).toEqual([]);
});

test("ignored senders never notify", () => {
  const members = membersOf({ alice: untouchedRules, carol: untouchedRules });
  const outcomes = evaluateEvent(message("alice carol"), members, context({ ignorers: new Set([idOf("alice"), idOf("stranger")]) }));
  expect(usersOf(outcomes)).toEqual([
    { userId: idOf("alice"), notify: -1, highlight: 0 },
    { userId: idOf("carol"), notify: 0, highlight: 1 },
  ]);
});

test("an invite notifies who is invited", () => {
  const invite = message({ membership: "invite" }, { type: "m.room.member", stateKey: idOf("frank") });
  const invitee = { user: pushUser(idOf("frank"), undefined), ruleset: defaultRuleset };
  expect(evaluateEvent(invite, membersOf({ bob: untouchedRules }), context({ invitee }))).toMatchObject({
    classes: [],
    users: [{ userId: idOf("frank"), notify: 1, highlight: 0 }],
  });
  expect(evaluateEvent(invite, membersOf({}), context({ invitee, ignorers: new Set([idOf("frank")]) })).users).toEqual([]);
});

test("a change of one's own profile does not notify oneself", () => {
  const all = rulesWith({ override: [userRule("all", { conditions: [] })] });
  const profile = message({ membership: "join" }, { type: "m.room.member", stateKey: idOf("bob") });
  const outcomes = evaluateEvent(profile, membersOf({ alice: all, bob: all }), context({ readBySender: false }));
  expect(outcomes.classes).toMatchObject([{ notify: 1 }]);
  expect(usersOf(outcomes)).toEqual([{ userId: idOf("bob"), notify: -1, highlight: 0 }]);
});

test("members come, go and change their rules", () => {
  const members = membersOf({ alice: untouchedRules, carol: muted });
  members.setRules(idOf("carol"), untouchedRules);
  members.setRules(idOf("stranger"), muted);
  expect([...members.classes()]).toEqual([]);
  members.delete(idOf("alice"));
  expect(evaluateEvent(message("alice"), members, context()).users).toEqual([]);
  members.set(idOf("alice"), "New Name", muted);
  expect(usersOf(evaluateEvent(message("new name"), members, context()))).toEqual([{ userId: idOf("alice"), notify: 1, highlight: 1 }]);
  expect(members.size).toBe(2);
});

test("rows add up to what each member's own rules say", () => {
  const sets: UserPushRules[] = [
    untouchedRules,
    muted,
    rulesWith({ content: [userRule("k", { pattern: "cake", actions: ["notify", { set_tweak: "highlight" }] })] }),
    rulesWith({ content: [userRule("k", { pattern: "c*e", actions: [] })], room: muted.rules.room ?? [] }),
    rulesWith({ sender: [userRule(idOf("bob"), { actions: ["notify"] })] }, { ".m.rule.message": { enabled: false } }),
    rulesWith({ override: [userRule("o", { conditions: [{ kind: "contains_display_name" }], actions: ["notify"] })] }),
    rulesWith({}, { ".m.rule.master": { enabled: true } }),
    rulesWith({ underride: [userRule("u", { conditions: [{ kind: "event_match", key: "room_id", pattern: "!ro*" }], actions: [] })] }),
  ];
  const events: PushableEvent[] = [
    message("hello"),
    message("cake for ALICE0"),
    message("cake, alice1, alice2, alice3; alice4 and Alice5 (alice6) alice7"),
    message({ body: "alice1", "m.mentions": { user_ids: ["@alice3:example.org", "@alice6:example.org"] } }),
    message("alice", { sender: "@zoe:example.org" }),
  ];
  fc.assert(
    fc.property(fc.array(fc.nat(sets.length - 1), { minLength: 1, maxLength: 8 }), fc.nat(events.length - 1), (picks, which) => {
      const event = events[which] ?? message("");
      const members = membersOf(Object.fromEntries(picks.map((pick, i) => [`alice${i}`, sets[pick] ?? untouchedRules])));
      const outcomes = evaluateEvent(event, members, context());
      picks.forEach((pick, i) => {
        const userId = idOf(`alice${i}`);
        const expected = evaluate(compileRuleset(sets[pick] ?? untouchedRules), viewOf(event), pushUser(userId, `ALICE${i}`));
        const rows = [
          ...outcomes.classes.filter(({ classId }) => classId === 0 || classId === members.classOf(userId)),
          ...outcomes.users.filter((row) => row.userId === userId),
        ];
        const sum = (key: "notify" | "highlight") => rows.reduce((total, row) => total + row[key], 0);
        expect({ notify: sum("notify"), highlight: sum("highlight") }).toEqual({
          notify: Number(expected.notify),
          highlight: Number(expected.highlight),
        });
        expect(rows.at(-1)?.outcome.actions ?? []).toEqual(expected.actions);
      });
    }),
  );
});

test.each([[[]], [["notify"]], [["notify", { set_tweak: "highlight", value: false }]], [["notify", { set_tweak: "sound", value: "x" }]]])(
  "actions %j survive the database",
  (actions) => expect(decodeActions(encodeActions(actions))).toEqual(actions),
);
