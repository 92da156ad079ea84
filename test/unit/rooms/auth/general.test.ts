import type { JsonObject } from "../../../../src/lib/json";
import { checkAuth } from "../../../../src/rooms/auth/check";
import { mayRedact } from "../../../../src/rooms/auth/redaction";
import type { EventProto } from "../../../../src/rooms/buildEvent";
import { CREATOR, type RoomSketch, allVersions, createEvent, requireVersion, room, versions } from "../fixtures/room";

const A = "@a:a.test";
const B = "@b:b.test";
const members = { [A]: "join", [B]: "join" };
type Proto = Partial<EventProto> & Pick<EventProto, "type">;

const allowed = { allowed: true };
const rejected = (part: string) => ({ allowed: false, reason: expect.stringContaining(part) });

describe("create", () => {
  const ok: JsonObject = { creator: CREATOR };
  const cases: { name: string; versions: string[]; proto: Partial<EventProto>; reason?: string }[] = [
    { name: "plain", versions: allVersions, proto: { content: ok } },
    {
      name: "with prev_events",
      versions: allVersions,
      proto: { content: ok, prevEvents: [{ eventId: "$x:a.test" }] },
      reason: "prev_events",
    },
    { name: "of another domain", versions: versions(1, 11), proto: { content: ok, roomId: "!room:b.test" }, reason: "domains" },
    { name: "with a room_id", versions: ["12"], proto: { content: ok, roomId: "!room:a.test" }, reason: "has a room_id" },
    { name: "known version", versions: allVersions, proto: { content: { ...ok, room_version: "org.matrix.hydra.11" } } },
    { name: "unknown version", versions: allVersions, proto: { content: { ...ok, room_version: "13" } }, reason: "room_version" },
    { name: "version of a wrong type", versions: allVersions, proto: { content: { ...ok, room_version: 1 } }, reason: "room_version" },
    { name: "without creator", versions: versions(1, 10), proto: { content: {} }, reason: "no creator" },
    { name: "without creator", versions: versions(11), proto: { content: {} } },
    { name: "additional creators", versions: ["12"], proto: { content: { additional_creators: [A, B] } } },
    { name: "additional creators, none", versions: ["12"], proto: { content: { additional_creators: [] } } },
    {
      name: "additional creators, no list",
      versions: ["12"],
      proto: { content: { additional_creators: A } },
      reason: "additional_creators",
    },
    {
      name: "additional creators, no ids",
      versions: ["12"],
      proto: { content: { additional_creators: [A, "b"] } },
      reason: "additional_creators",
    },
    {
      name: "additional creators, no strings",
      versions: ["12"],
      proto: { content: { additional_creators: [7] } },
      reason: "additional_creators",
    },
    { name: "additional creators without meaning", versions: versions(1, 11), proto: { content: { ...ok, additional_creators: 7 } } },
  ];
  test.each(cases.flatMap((item) => item.versions.map((version) => ({ ...item, version }))))(
    "v$version: $name",
    ({ version, proto, reason }) => {
      const verdict = checkAuth(requireVersion(version), createEvent(requireVersion(version), proto), () => undefined);
      expect(verdict).toEqual(reason === undefined ? allowed : rejected(reason));
    },
  );
});

interface Case extends RoomSketch {
  readonly name: string;
  readonly versions: readonly string[];
  readonly proto: Proto;
  readonly reason?: string;
}

const federated = { "m.federate": false };
const cases: Case[] = [
  { name: "message of a member", versions: allVersions, members, proto: { type: "m.room.message", sender: A } },
  { name: "message of an outsider", versions: allVersions, proto: { type: "m.room.message", sender: A }, reason: "not in the room" },
  {
    name: "message below events_default",
    versions: allVersions,
    members,
    levels: { events_default: 1 },
    proto: { type: "x", sender: A },
    reason: "level too low",
  },
  {
    name: "message below its level",
    versions: allVersions,
    members,
    levels: { events: { x: 1 } },
    proto: { type: "x", sender: A },
    reason: "level too low",
  },
  {
    name: "message at its level",
    versions: allVersions,
    members,
    levels: { events: { x: 1 }, users: { [A]: 1 } },
    proto: { type: "x", sender: A },
  },
  {
    name: "message by users_default",
    versions: allVersions,
    members,
    levels: { events: { x: 1 }, users_default: 1 },
    proto: { type: "x", sender: A },
  },
  {
    name: "message of a type of the prototype",
    versions: allVersions,
    members,
    levels: { events: {} },
    proto: { type: "constructor", sender: A },
  },
  {
    name: "state below 50",
    versions: allVersions,
    members,
    levels: { users: { [A]: 49 } },
    proto: { type: "x", sender: A, stateKey: "" },
    reason: "level too low",
  },
  { name: "state at 50", versions: allVersions, members, levels: { users: { [A]: 50 } }, proto: { type: "x", sender: A, stateKey: "" } },
  {
    name: "state without power levels",
    versions: allVersions,
    members,
    proto: { type: "x", sender: A, stateKey: "" },
    reason: "level too low",
  },
  { name: "state of the creator without power levels", versions: allVersions, members, proto: { type: "x", stateKey: "" } },
  {
    name: "state by state_default",
    versions: allVersions,
    members,
    levels: { state_default: 0 },
    proto: { type: "x", sender: A, stateKey: "" },
  },
  { name: "own state key", versions: allVersions, members, levels: { state_default: 0 }, proto: { type: "x", sender: A, stateKey: A } },
  {
    name: "another's state key",
    versions: allVersions,
    members,
    levels: { users: { [A]: 100 } },
    proto: { type: "x", sender: A, stateKey: B },
    reason: "another user",
  },
  {
    name: "the creator, left out of the levels",
    versions: versions(1, 11),
    levels: {},
    proto: { type: "x", stateKey: "" },
    reason: "level too low",
  },
  {
    name: "the creator, left out of the levels",
    versions: ["12"],
    levels: { state_default: Number.MAX_SAFE_INTEGER },
    proto: { type: "x", stateKey: "" },
  },
  {
    name: "an additional creator",
    versions: ["12"],
    members,
    create: { additional_creators: [A] },
    levels: {},
    proto: { type: "x", sender: A, stateKey: "" },
  },
  { name: "unfederated, own server", versions: allVersions, members, create: federated, proto: { type: "x", sender: A } },
  {
    name: "unfederated, other server",
    versions: allVersions,
    members,
    create: federated,
    proto: { type: "x", sender: B },
    reason: "does not federate",
  },
  { name: "federated", versions: allVersions, members, create: { "m.federate": true }, proto: { type: "x", sender: B } },
  { name: "aliases of the own domain", versions: versions(1, 5), proto: { type: "m.room.aliases", sender: B, stateKey: "b.test" } },
  {
    name: "aliases of another domain",
    versions: versions(1, 5),
    members,
    proto: { type: "m.room.aliases", sender: A, stateKey: "b.test" },
    reason: "domain",
  },
  {
    name: "aliases without state_key",
    versions: versions(1, 5),
    members,
    proto: { type: "m.room.aliases", sender: A },
    reason: "no state_key",
  },
  {
    name: "aliases as any state",
    versions: versions(6),
    proto: { type: "m.room.aliases", sender: B, stateKey: "b.test" },
    reason: "not in the room",
  },
  {
    name: "third-party invite at the level",
    versions: allVersions,
    members,
    levels: { invite: 5, users: { [A]: 5 } },
    proto: { type: "m.room.third_party_invite", sender: A, stateKey: "t" },
  },
  {
    name: "third-party invite below",
    versions: allVersions,
    members,
    levels: { invite: 5 },
    proto: { type: "m.room.third_party_invite", sender: A, stateKey: "t" },
    reason: "to invite",
  },
  {
    name: "redaction of an own event id",
    versions: ["1", "2"],
    members,
    proto: { type: "m.room.redaction", sender: A, redacts: "$x:a.test", eventId: "$y:a.test" },
  },
  {
    name: "redaction of a foreign event id",
    versions: ["1", "2"],
    members,
    proto: { type: "m.room.redaction", sender: A, redacts: "$x:b.test", eventId: "$y:a.test" },
    reason: "redaction",
  },
  {
    name: "redaction of nothing",
    versions: ["1", "2"],
    members,
    proto: { type: "m.room.redaction", sender: A, eventId: "$y:a.test" },
    reason: "redaction",
  },
  {
    name: "redaction at the level",
    versions: ["1", "2"],
    members,
    levels: { users: { [A]: 50 } },
    proto: { type: "m.room.redaction", sender: A, redacts: "$x:b.test", eventId: "$y:a.test" },
  },
  { name: "redaction", versions: versions(3), members, proto: { type: "m.room.redaction", sender: A, redacts: "$x:b.test" } },
];

test.each(cases.flatMap((item) => item.versions.map((version) => ({ ...item, version }))))(
  "v$version: $name: $reason",
  ({ version, proto, reason, ...sketch }) => {
    const { create, state, event } = room(version, sketch);
    expect(checkAuth(create.version, event(proto), state)).toEqual(reason === undefined ? allowed : rejected(reason));
  },
);

test.each(allVersions)("v%s: nothing is allowed without a create event", (version) => {
  const { create, event } = room(version);
  expect(checkAuth(create.version, event({ type: "x" }), () => undefined)).toEqual(rejected("no create event"));
});

test("v12: the room id must name the create event", () => {
  const { state } = room("12", { members });
  const { event, create } = room("12", { members, create: { other: true } });
  expect(checkAuth(create.version, event({ type: "x", sender: A }), state)).toEqual(rejected("room_id"));
});

test.each([
  { stateKey: `${A}_suffix`, sender: A, reason: undefined },
  { stateKey: `${B}_suffix`, sender: A, reason: "another user" },
  { stateKey: `${B}_suffix`, sender: CREATOR, reason: undefined },
  { stateKey: "@nobody", sender: CREATOR, reason: "another user" },
])("MSC3757: $sender sets $stateKey: $reason", ({ stateKey, sender, reason }) => {
  const { create, event, state } = room("org.matrix.msc3757.11", { members, levels: { state_default: 0, users: { [CREATOR]: 1 } } });
  expect(checkAuth(create.version, event({ type: "x", sender, stateKey }), state)).toEqual(
    reason === undefined ? allowed : rejected(reason),
  );
});

describe("applying a redaction", () => {
  test.each(
    versions(3).flatMap((version) => [
      { version, sender: A, may: true },
      { version, sender: B, may: false },
      { version, sender: CREATOR, may: true },
    ]),
  )("v$version: $sender redacts an event of a.test: $may", ({ version, sender, may }) => {
    const { create, event, state } = room(version, { members, levels: { users: version === "12" ? {} : { [CREATOR]: 50 } } });
    const target = event({ type: "x", sender: "@c:a.test" });
    expect(mayRedact(create.version, event({ type: "m.room.redaction", sender, redacts: target.eventId }), target, state)).toBe(may);
  });

  test("only its target, only in its room", () => {
    const { create, event, state } = room("11", { members });
    const target = event({ type: "x", sender: A });
    const elsewhere = event({ type: "m.room.redaction", sender: A, redacts: target.eventId, roomId: "!other:a.test" });
    expect(mayRedact(create.version, elsewhere, target, state)).toBe(false);
    expect(mayRedact(create.version, event({ type: "m.room.redaction", sender: A, redacts: "$other" }), target, state)).toBe(false);
  });
});
