import type { JsonObject } from "../../../../src/lib/json";
import { checkAuth } from "../../../../src/rooms/auth/check";
import { CREATOR, type RoomSketch, allVersions, room, versions } from "../fixtures/room";

const A = "@a:a.test";
const B = "@b:b.test";
const MOD = "@mod:a.test";
const ADMIN = "@admin:a.test";
const levels = { users: { [ADMIN]: 100, [MOD]: 50 } };

interface Case extends RoomSketch {
  readonly name: string;
  readonly versions: readonly string[];
  readonly sender: string;
  readonly target?: string;
  readonly to: string | JsonObject;
  readonly firstJoin?: boolean;
  /** Part of the reason; absent when allowed. */
  readonly rejected?: string;
}

const via = (userId: string): JsonObject => ({ membership: "join", join_authorised_via_users_server: userId });
const staff = { [ADMIN]: "join", [MOD]: "join" };

const joins: Case[] = [
  { name: "the creator's first", versions: allVersions, sender: CREATOR, to: "join", members: { [CREATOR]: "leave" }, firstJoin: true },
  { name: "of another first", versions: allVersions, sender: A, to: "join", firstJoin: true, rejected: "not invited" },
  {
    name: "of an additional creator first",
    ...{ versions: ["12"], sender: A, to: "join", firstJoin: true, create: { additional_creators: [A] }, rejected: "not invited" },
  },
  {
    name: "for somebody else",
    versions: allVersions,
    sender: A,
    target: B,
    to: "join",
    joinRule: "public",
    rejected: "sender is not the target",
  },
  { name: "while banned", versions: allVersions, sender: A, to: "join", joinRule: "public", members: { [A]: "ban" }, rejected: "banned" },
  { name: "into a public room", versions: allVersions, sender: A, to: "join", joinRule: "public" },
  { name: "without join rules", versions: allVersions, sender: A, to: "join", rejected: "not invited" },
  ...["invite", "join"].map((was): Case => ({
    name: `after ${was}`,
    versions: allVersions,
    sender: A,
    to: "join",
    joinRule: "invite",
    members: { [A]: was },
  })),
  ...["leave", "knock"].map((was): Case => ({
    name: `after ${was}`,
    ...{ versions: allVersions, sender: A, to: "join", joinRule: "invite", members: { [A]: was }, rejected: "not invited" },
  })),
  { name: "invited, rule knock", versions: versions(7), sender: A, to: "join", joinRule: "knock", members: { [A]: "invite" } },
  {
    name: "knocking, rule knock",
    versions: versions(7),
    sender: A,
    to: "join",
    joinRule: "knock",
    members: { [A]: "knock" },
    rejected: "not invited",
  },
  {
    name: "invited, rule knock",
    versions: versions(1, 6),
    sender: A,
    to: "join",
    joinRule: "knock",
    members: { [A]: "invite" },
    rejected: "not invited",
  },
  {
    name: "rule private",
    versions: allVersions,
    sender: A,
    to: "join",
    joinRule: "private",
    members: { [A]: "invite" },
    rejected: "admits nobody",
  },
  { name: "invited, restricted", versions: versions(8), sender: A, to: "join", joinRule: "restricted", members: { [A]: "invite" } },
  { name: "restricted", versions: versions(8), sender: A, to: "join", joinRule: "restricted", rejected: "nobody authorised" },
  {
    name: "restricted",
    versions: versions(1, 7),
    sender: A,
    to: via(MOD),
    joinRule: "restricted",
    members: staff,
    rejected: "unknown join rule",
  },
  { name: "authorised", versions: versions(8), sender: A, to: via(MOD), joinRule: "restricted", levels, members: staff },
  {
    name: "authorised by one outside",
    versions: versions(8),
    sender: A,
    to: via(MOD),
    joinRule: "restricted",
    levels,
    rejected: "not in the room",
  },
  {
    name: "authorised by one who may just invite",
    ...{ versions: versions(8), sender: A, to: via(MOD), joinRule: "restricted", levels: { ...levels, invite: 50 }, members: staff },
  },
  {
    name: "authorised by one who may not invite",
    ...{ versions: versions(8), sender: A, to: via(MOD), joinRule: "restricted", levels: { ...levels, invite: 51 }, members: staff },
    rejected: "may not invite",
  },
  {
    name: "authorised but not signed for",
    ...{ versions: versions(8), sender: A, to: via(B), joinRule: "restricted", members: { [B]: "join" }, rejected: "not signed" },
  },
  { name: "knock_restricted", versions: versions(10), sender: A, to: via(MOD), joinRule: "knock_restricted", levels, members: staff },
  {
    name: "knock_restricted",
    versions: versions(8, 9),
    sender: A,
    to: via(MOD),
    joinRule: "knock_restricted",
    members: staff,
    rejected: "unknown join rule",
  },
];

const invites: Case[] = [
  { name: "by a member", versions: allVersions, sender: A, target: B, to: "invite", members: { [A]: "join" } },
  { name: "by one outside", versions: allVersions, sender: A, target: B, to: "invite", rejected: "not in the room" },
  ...["join", "ban"].map((was): Case => ({
    name: `of one at ${was}`,
    ...{ versions: allVersions, sender: A, target: B, to: "invite", members: { [A]: "join", [B]: was }, rejected: "joined or banned" },
  })),
  ...["leave", "invite", "knock"].map((was): Case => ({
    name: `of one at ${was}`,
    versions: allVersions,
    sender: A,
    target: B,
    to: "invite",
    members: { [A]: "join", [B]: was },
  })),
  {
    name: "below the level",
    versions: allVersions,
    sender: A,
    target: B,
    to: "invite",
    levels: { invite: 1 },
    members: { [A]: "join" },
    rejected: "level too low",
  },
  { name: "at the level", versions: allVersions, sender: MOD, target: B, to: "invite", levels: { ...levels, invite: 50 }, members: staff },
  {
    name: "of a stranger where nobody federates",
    ...{ versions: allVersions, sender: A, target: B, to: "invite", create: { "m.federate": false }, members: { [A]: "join" } },
    rejected: "does not federate",
  },
];

const leaves: Case[] = [
  ...["join", "invite"].map((was): Case => ({
    name: `after ${was}`,
    versions: allVersions,
    sender: A,
    to: "leave",
    members: { [A]: was },
  })),
  ...["leave", "ban"].map((was): Case => ({
    name: `after ${was}`,
    versions: allVersions,
    sender: A,
    to: "leave",
    members: { [A]: was },
    rejected: "neither",
  })),
  { name: "after knock", versions: versions(7), sender: A, to: "leave", members: { [A]: "knock" } },
  { name: "after knock", versions: versions(1, 6), sender: A, to: "leave", members: { [A]: "knock" }, rejected: "neither" },
  { name: "kick", versions: allVersions, sender: MOD, target: A, to: "leave", levels, members: { ...staff, [A]: "join" } },
  {
    name: "kick from outside",
    versions: allVersions,
    sender: MOD,
    target: A,
    to: "leave",
    levels,
    members: { [A]: "join" },
    rejected: "not in the room",
  },
  {
    name: "kick of an equal",
    versions: allVersions,
    sender: MOD,
    target: "@mod2:a.test",
    to: "leave",
    levels: { users: { [MOD]: 50, "@mod2:a.test": 50 } },
    members: staff,
    rejected: "too low to kick",
  },
  {
    name: "kick below the level",
    versions: allVersions,
    sender: A,
    target: B,
    to: "leave",
    levels: { users: { [A]: 49 } },
    members: { [A]: "join" },
    rejected: "too low to kick",
  },
  { name: "unban", versions: allVersions, sender: MOD, target: A, to: "leave", levels, members: { ...staff, [A]: "ban" } },
  {
    name: "unban below the level",
    versions: allVersions,
    sender: MOD,
    target: A,
    to: "leave",
    levels: { ...levels, ban: 51 },
    members: { ...staff, [A]: "ban" },
    rejected: "lift a ban",
  },
  {
    name: "unban below the kick level",
    versions: allVersions,
    sender: MOD,
    target: A,
    to: "leave",
    levels: { ...levels, kick: 51 },
    members: { ...staff, [A]: "ban" },
    rejected: "too low to kick",
  },
  {
    name: "kick of the creator by an admin above",
    versions: versions(1, 11),
    sender: ADMIN,
    target: CREATOR,
    to: "leave",
    levels,
    members: staff,
  },
  {
    name: "kick of a creator",
    versions: ["12"],
    sender: ADMIN,
    target: CREATOR,
    to: "leave",
    levels,
    members: staff,
    rejected: "too low to kick",
  },
  {
    name: "kick of an additional creator by the creator",
    ...{
      versions: ["12"],
      sender: CREATOR,
      target: A,
      to: "leave",
      create: { additional_creators: [A] },
      members: { [A]: "join" },
      rejected: "too low to kick",
    },
  },
];

const bans: Case[] = [
  { name: "by a moderator", versions: allVersions, sender: MOD, target: A, to: "ban", levels, members: staff },
  { name: "from outside", versions: allVersions, sender: MOD, target: A, to: "ban", levels, rejected: "not in the room" },
  {
    name: "below the level",
    versions: allVersions,
    sender: MOD,
    target: A,
    to: "ban",
    levels: { ...levels, ban: 51 },
    members: staff,
    rejected: "level too low",
  },
  {
    name: "of a superior",
    versions: allVersions,
    sender: MOD,
    target: ADMIN,
    to: "ban",
    levels,
    members: staff,
    rejected: "level too low",
  },
  { name: "of oneself", versions: allVersions, sender: MOD, target: MOD, to: "ban", levels, members: staff, rejected: "level too low" },
  {
    name: "of the creator without power levels, by nobody",
    versions: allVersions,
    sender: A,
    target: CREATOR,
    to: "ban",
    members: { [A]: "join" },
    rejected: "level too low",
  },
  { name: "by the creator without power levels", versions: allVersions, sender: CREATOR, target: A, to: "ban", members: { [A]: "join" } },
];

const knocks: Case[] = [
  { name: "at the door", versions: versions(7), sender: A, to: "knock", joinRule: "knock" },
  { name: "before it existed", versions: versions(1, 6), sender: A, to: "knock", joinRule: "knock", rejected: "unknown membership" },
  { name: "after knock", versions: versions(7), sender: A, to: "knock", joinRule: "knock", members: { [A]: "knock" } },
  {
    name: "for another",
    versions: versions(7),
    sender: A,
    target: B,
    to: "knock",
    joinRule: "knock",
    rejected: "sender is not the target",
  },
  ...["ban", "invite", "join"].map((was): Case => ({
    name: `while ${was}`,
    versions: versions(7),
    sender: A,
    to: "knock",
    joinRule: "knock",
    members: { [A]: was },
    rejected: "already",
  })),
  ...["invite", "public", "restricted"].map((joinRule): Case => ({
    name: `with rule ${joinRule}`,
    versions: versions(7),
    sender: A,
    to: "knock",
    joinRule,
    rejected: "does not admit",
  })),
  { name: "with rule knock_restricted", versions: versions(10), sender: A, to: "knock", joinRule: "knock_restricted" },
  {
    name: "with rule knock_restricted",
    versions: versions(7, 9),
    sender: A,
    to: "knock",
    joinRule: "knock_restricted",
    rejected: "does not admit",
  },
];

const malformed: Case[] = [
  { name: "no membership", versions: allVersions, sender: A, to: {}, rejected: "no membership" },
  { name: "membership of a wrong type", versions: allVersions, sender: A, to: { membership: 1 }, rejected: "no membership" },
  { name: "unknown membership", versions: allVersions, sender: A, to: "visit", rejected: "unknown membership" },
  { name: "membership of the prototype", versions: allVersions, sender: A, to: "constructor", rejected: "unknown membership" },
  { name: "no user", versions: allVersions, sender: A, target: "somebody", to: "invite", members: { [A]: "join" }, rejected: "no user id" },
  {
    name: "authorised leave without a signature",
    versions: versions(8),
    sender: A,
    to: { ...via(B), membership: "leave" },
    members: { [A]: "join" },
    rejected: "not signed",
  },
  {
    name: "authorised leave before that meant anything",
    versions: versions(1, 7),
    sender: A,
    to: { ...via(B), membership: "leave" },
    members: { [A]: "join" },
  },
];

const each = (kind: string, cases: readonly Case[]) =>
  cases.flatMap((item) => item.versions.map((version) => ({ ...item, version, title: `v${version}: ${kind} ${item.name}` })));

test.each([
  ...each("join", joins),
  ...each("invite", invites),
  ...each("leave", leaves),
  ...each("ban", bans),
  ...each("knock", knocks),
  ...each("member", malformed),
])("$title: rejected $rejected", ({ version, sender, target = sender, to, firstJoin, rejected, ...sketch }) => {
  const { create, state, member } = room(version, sketch);
  const verdict = checkAuth(create.version, member(sender, target, to, firstJoin ? { prevEvents: [create] } : {}), state);
  if (rejected === undefined) expect(verdict).toEqual({ allowed: true });
  else expect(verdict).toEqual({ allowed: false, reason: expect.stringContaining(rejected) });
});

test.each(allVersions)("v%s: the creator's pass is for the first event after the creation alone", (version) => {
  const { create, state, member } = room(version, { members: { [CREATOR]: "leave" } });
  const later = { eventId: "$later:a.test" };
  for (const prevEvents of [[create, later], [later, create], [later], []]) {
    expect(checkAuth(create.version, member(CREATOR, CREATOR, "join", { prevEvents }), state).allowed).toBe(false);
  }
});

test.each(allVersions)("v%s: a member event without state_key", (version) => {
  const { event, state, create } = room(version);
  expect(checkAuth(create.version, event({ type: "m.room.member", content: { membership: "join" } }), state).allowed).toBe(false);
});
