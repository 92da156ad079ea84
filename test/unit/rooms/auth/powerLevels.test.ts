import { type JsonObject, JsonNumber, type JsonValue } from "../../../../src/lib/json";
import { checkAuth } from "../../../../src/rooms/auth/check";
import { parseLevel, powerLevels } from "../../../../src/rooms/auth/levels";
import { CREATOR, allVersions, requireVersion, room, versions } from "../fixtures/room";

const ME = "@me:a.test";
const PEER = "@peer:a.test";
const BOSS = "@boss:a.test";
const LOW = "@low:a.test";

// The sender has 50 in all of these.
const users = { [ME]: 50, [PEER]: 50, [BOSS]: 100, [LOW]: 10 };
const base: JsonObject = { users, events: { high: 70, low: 20 }, notifications: { high: 70, low: 20 }, ban: 60, kick: 40 };

interface Case {
  readonly name: string;
  readonly versions: readonly string[];
  readonly change: JsonObject;
  readonly reason?: string;
  readonly before?: JsonObject;
}

const singles = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];
const cases: Case[] = [
  { name: "nothing", versions: allVersions, change: {} },
  ...singles.flatMap((key): Case[] => [
    { name: `${key} raised above`, versions: allVersions, change: { [key]: 51 }, before: { [key]: 10 }, reason: "raised above" },
    { name: `${key} added above`, versions: allVersions, change: { [key]: 51 }, before: { [key]: undefined }, reason: "raised above" },
    { name: `${key} raised to`, versions: allVersions, change: { [key]: 50 }, before: { [key]: 10 } },
    { name: `${key} lowered from above`, versions: allVersions, change: { [key]: 10 }, before: { [key]: 51 }, reason: "was set above" },
    {
      name: `${key} removed from above`,
      versions: allVersions,
      change: { [key]: undefined },
      before: { [key]: 51 },
      reason: "was set above",
    },
    { name: `${key} removed`, versions: allVersions, change: { [key]: undefined }, before: { [key]: 50 } },
    { name: `${key} left above`, versions: allVersions, change: { [key]: 51 }, before: { [key]: 51 } },
  ]),
  ...["events", "notifications"].flatMap((key): Case[] => {
    const guarded = key === "events" ? allVersions : versions(6);
    return [
      { name: `${key} entry above removed`, versions: guarded, change: { [key]: { low: 20 } }, reason: "was set above" },
      { name: `${key} all removed`, versions: guarded, change: { [key]: undefined }, reason: "was set above" },
      { name: `${key} entry above changed`, versions: guarded, change: { [key]: { high: 71, low: 20 } }, reason: "was set above" },
      { name: `${key} entry raised above`, versions: guarded, change: { [key]: { high: 70, low: 51 } }, reason: "raised above" },
      { name: `${key} entry added above`, versions: guarded, change: { [key]: { high: 70, low: 20, more: 51 } }, reason: "raised above" },
      { name: `${key} entry added`, versions: guarded, change: { [key]: { high: 70, low: 20, more: 50 } } },
      { name: `${key} entry changed`, versions: guarded, change: { [key]: { high: 70, low: 50 } } },
    ];
  }),
  { name: "notifications are nobody's business", versions: versions(1, 5), change: { notifications: { high: 1000 } } },
  { name: "user added above", versions: allVersions, change: { users: { ...users, "@new:a.test": 51 } }, reason: "raised above" },
  { name: "user added at the level", versions: allVersions, change: { users: { ...users, "@new:a.test": 50 } } },
  { name: "user raised to the level", versions: allVersions, change: { users: { ...users, [LOW]: 50 } } },
  { name: "equal lowered", versions: allVersions, change: { users: { ...users, [PEER]: 10 } }, reason: "equal" },
  { name: "equal removed", versions: allVersions, change: { users: { [ME]: 50, [BOSS]: 100, [LOW]: 10 } }, reason: "equal" },
  { name: "superior lowered", versions: allVersions, change: { users: { ...users, [BOSS]: 10 } }, reason: "was set above" },
  { name: "own level lowered", versions: allVersions, change: { users: { ...users, [ME]: 10 } } },
  { name: "own level raised", versions: allVersions, change: { users: { ...users, [ME]: 51 } }, reason: "raised above" },
  { name: "users is no object", versions: allVersions, change: { users: [] }, reason: "no object" },
  { name: "users names no user", versions: allVersions, change: { users: { ...users, me: 1 } }, reason: "no user id" },
  { name: "users holds no level", versions: allVersions, change: { users: { ...users, [LOW]: null } }, reason: "no integer" },
  { name: "users holds a string", versions: versions(1, 9), change: { users: { ...users, [LOW]: " +050 " } } },
  { name: "users holds a string", versions: versions(10), change: { users: { ...users, [LOW]: "50" } }, reason: "no integer" },
  { name: "users holds a high string", versions: versions(1, 9), change: { users: { ...users, [LOW]: "51" } }, reason: "raised above" },
  { name: "users holds a wild string", versions: allVersions, change: { users: { ...users, [LOW]: "5 0" } }, reason: "no integer" },
  ...singles.map((key): Case => ({ name: `${key} is a string`, versions: versions(10), change: { [key]: "10" }, reason: "no integer" })),
  { name: "a level is a string", versions: versions(1, 9), change: { kick: "40" } },
  { name: "a level is nothing", versions: versions(1, 9), change: { kick: null }, reason: "no level" },
  { name: "events holds a string", versions: versions(10), change: { events: { high: "70", low: 20 } }, reason: "no integer" },
  { name: "events is no object", versions: versions(10), change: { events: 7 }, reason: "no integer" },
  {
    name: "notifications holds a string",
    versions: versions(10),
    change: { notifications: { high: "70", low: 20 } },
    reason: "no integer",
  },
  { name: "an unknown key holds anything", versions: allVersions, change: { historical: "x" } },
  { name: "a creator is named", versions: ["12"], change: { users: { ...users, [CREATOR]: 10 } }, reason: "creators" },
];

test.each(cases.flatMap((item) => item.versions.map((version) => ({ ...item, version }))))(
  "v$version: $name: $reason",
  ({ version, change, before, reason }) => {
    const levels = without({ ...base, ...before, events: { ...(base["events"] as JsonObject), "m.room.power_levels": 50 } });
    const { create, event, state } = room(version, { levels, members: { [ME]: "join" } });
    const events = "events" in change ? withLevels(change["events"]) : levels["events"];
    const content = without({ ...levels, ...change, events });
    const verdict = checkAuth(create.version, event({ type: "m.room.power_levels", sender: ME, stateKey: "", content }), state);
    if (reason === undefined) expect(verdict).toEqual({ allowed: true });
    else expect(verdict).toEqual({ allowed: false, reason: expect.stringContaining(reason) });
  },
);

const without = (object: JsonObject): JsonObject => JSON.parse(JSON.stringify(object)) as JsonObject;
function withLevels(events: JsonValue | undefined): JsonValue | undefined {
  return typeof events === "object" && events !== null ? { ...events, "m.room.power_levels": 50 } : events;
}

test.each(allVersions)("v%s: the first power levels pass whatever they say", (version) => {
  const { create, event, state } = room(version);
  const first = event({ type: "m.room.power_levels", stateKey: "", content: { users: { [ME]: 1000 } } });
  expect(checkAuth(create.version, first, state)).toEqual({ allowed: true });
});

test("v12: an additional creator must not be named, and creators change everything", () => {
  const { create, event, state } = room("12", { levels: base, create: { additional_creators: [ME] }, members: { [ME]: "join" } });
  const levels = (content: JsonObject) => event({ type: "m.room.power_levels", stateKey: "", sender: ME, content });
  expect(checkAuth(create.version, levels({ users: { [ME]: 10 } }), state).allowed).toBe(false);
  expect(checkAuth(create.version, levels({ users: { [BOSS]: 0 }, ban: 10_000 }), state)).toEqual({ allowed: true });
});

const level = (text: string): JsonNumber => new JsonNumber(text);
// Specification: rooms/fragments/v1-stringy-power-levels and v1-floaty-power-levels.
test.each<[from: number, to: number, value: JsonValue, expected: number | undefined]>([
  [1, 12, 50, 50],
  [1, 12, -50, -50],
  [1, 12, null, undefined],
  [1, 12, true, undefined],
  [1, 12, [], undefined],
  [1, 12, {}, undefined],
  [1, 9, "100", 100],
  [1, 9, "000100", 100],
  [1, 9, " +100 ", 100],
  [1, 9, " -100 ", -100],
  [10, 12, "100", undefined],
  ...["", " ", "1.0", "1e2", "0x10", "++1", "+ 1", "1 2", "Infinity", "NaN", "1_0"].map((text): [number, number, JsonValue, undefined] => [
    1,
    12,
    text,
    undefined,
  ]),
  [1, 5, level("5.114698E4"), 51146],
  [1, 5, level("50.57"), 50],
  [1, 5, level("-50.57"), -50],
  [1, 5, level("1e400"), undefined],
  [6, 12, level("50.57"), undefined],
  [1, 5, 50.57, 50],
  [6, 12, 50.57, undefined],
  [6, 12, 2 ** 53, undefined],
  [6, 12, 2 ** 53 - 1, 2 ** 53 - 1],
  [1, 5, level("9007199254740993"), 2 ** 53],
])("levels of versions %s to %s: %j is %s", (from, to, value, expected) => {
  for (const version of versions(from, to)) expect(parseLevel(requireVersion(version), value)).toBe(expected);
});

describe.each(allVersions)("v%s: levels in force", (version) => {
  const creators = version === "12";

  test("without a power levels event", () => {
    const levels = powerLevels(requireVersion(version), room(version).state);
    expect([levels.ban, levels.kick, levels.redact, levels.invite]).toEqual([50, 50, 50, 0]);
    expect([levels.requiredFor("x", "state"), levels.requiredFor("x", "message"), levels.notification("room")]).toEqual([50, 0, 50]);
    expect([levels.userLevel(CREATOR), levels.userLevel(ME)]).toEqual([creators ? Infinity : 100, 0]);
  });

  test("with one that says nothing", () => {
    const levels = powerLevels(requireVersion(version), room(version, { levels: {} }).state);
    expect([levels.ban, levels.kick, levels.redact, levels.invite]).toEqual([50, 50, 50, 0]);
    expect([levels.requiredFor("x", "state"), levels.requiredFor("x", "message"), levels.notification("room")]).toEqual([50, 0, 50]);
    expect([levels.userLevel(CREATOR), levels.userLevel(ME)]).toEqual([creators ? Infinity : 0, 0]);
  });

  test("with one that says everything", () => {
    const content = {
      users: { [ME]: 7 },
      users_default: 3,
      ban: 1,
      kick: 2,
      redact: 3,
      invite: 4,
      state_default: 5,
      events_default: 6,
      events: { y: 8 },
      notifications: { room: 9 },
    };
    const levels = powerLevels(requireVersion(version), room(version, { levels: content }).state);
    expect([levels.ban, levels.kick, levels.redact, levels.invite]).toEqual([1, 2, 3, 4]);
    expect([levels.requiredFor("x", "state"), levels.requiredFor("x", "message"), levels.requiredFor("y", "state")]).toEqual([5, 6, 8]);
    expect([levels.notification("room"), levels.notification("other")]).toEqual([9, 50]);
    expect([levels.userLevel(CREATOR), levels.userLevel(ME), levels.userLevel(PEER)]).toEqual([creators ? Infinity : 3, 7, 3]);
  });
});
