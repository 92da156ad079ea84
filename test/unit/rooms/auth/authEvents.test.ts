import fc from "fast-check";
import type { JsonObject } from "../../../../src/lib/json";
import { authEventKeys, checkAuthEvents, lookupOf } from "../../../../src/rooms/auth/authEvents";
import type { RoomEvent } from "../../../../src/rooms/event";
import { CREATOR, allVersions, requireVersion, room, versions } from "../fixtures/room";

const A = "@a:a.test";
const B = "@b:b.test";

const LEVELS = "m.room.power_levels";
const RULES = "m.room.join_rules";
const me = (userId: string) => `m.room.member ${userId}`;

test.each<{ name: string; versions: string[]; type?: string; stateKey?: string; content: JsonObject; keys: string[] }>([
  { name: "message", versions: allVersions, type: "x", content: { membership: "join" }, keys: [LEVELS, me(A)] },
  { name: "own join", versions: allVersions, stateKey: A, content: { membership: "join" }, keys: [LEVELS, me(A), RULES] },
  { name: "invite", versions: allVersions, stateKey: B, content: { membership: "invite" }, keys: [LEVELS, me(A), me(B), RULES] },
  { name: "kick", versions: allVersions, stateKey: B, content: { membership: "leave" }, keys: [LEVELS, me(A), me(B)] },
  { name: "ban", versions: allVersions, stateKey: B, content: { membership: "ban" }, keys: [LEVELS, me(A), me(B)] },
  { name: "knock", versions: allVersions, stateKey: A, content: { membership: "knock" }, keys: [LEVELS, me(A), RULES] },
  {
    name: "third-party invite",
    versions: allVersions,
    stateKey: B,
    content: { membership: "invite", third_party_invite: { signed: { token: "t" } } },
    keys: [LEVELS, me(A), me(B), RULES, "m.room.third_party_invite t"],
  },
  {
    name: "third-party join",
    versions: allVersions,
    stateKey: A,
    content: { membership: "join", third_party_invite: { signed: { token: "t" } } },
    keys: [LEVELS, me(A), RULES],
  },
  {
    name: "authorised join",
    versions: versions(8),
    stateKey: A,
    content: { membership: "join", join_authorised_via_users_server: B },
    keys: [LEVELS, me(A), RULES, me(B)],
  },
  {
    name: "authorised join",
    versions: versions(1, 7),
    stateKey: A,
    content: { membership: "join", join_authorised_via_users_server: B },
    keys: [LEVELS, me(A), RULES],
  },
  {
    name: "authorised leave",
    versions: allVersions,
    stateKey: A,
    content: { membership: "leave", join_authorised_via_users_server: B },
    keys: [LEVELS, me(A)],
  },
])("$name in $versions cites $keys", ({ versions: ids, type = "m.room.member", stateKey, content, keys }) => {
  for (const id of ids) {
    const selected = authEventKeys(requireVersion(id), { type, stateKey, sender: A, content }).map(([kind, key]) =>
      `${kind} ${key}`.trim(),
    );
    expect(selected.sort()).toEqual([...keys, ...(id === "12" ? [] : ["m.room.create"])].sort());
  }
});

test.each(allVersions)("v%s: the create event cites nothing", (id) => {
  expect(authEventKeys(requireVersion(id), { type: "m.room.create", stateKey: "", sender: A, content: {} })).toEqual([]);
});

test("no selection names a pair twice, whoever takes part", () => {
  const user = fc.constantFrom(A, B, CREATOR);
  fc.assert(
    fc.property(
      fc.constantFrom(...allVersions),
      user,
      user,
      user,
      fc.constantFrom("join", "invite", "leave", "ban", "knock"),
      (id, sender, stateKey, via, membership) => {
        const content = { membership, join_authorised_via_users_server: via, third_party_invite: { signed: { token: "t" } } };
        const keys = authEventKeys(requireVersion(id), { type: "m.room.member", stateKey, sender, content }).map((pair) => pair.join(" "));
        expect(new Set(keys).size).toBe(keys.length);
      },
    ),
  );
});

describe.each(allVersions)("v%s: cited events", (id) => {
  const { create, event, member, state, version } = room(id, { members: { [A]: "join" }, levels: {}, joinRule: "public" });
  const has = (type: string, stateKey = ""): RoomEvent => {
    const found = state(type, stateKey);
    if (!found) throw new Error(type);
    return found;
  };
  const message = event({ type: "x", sender: A });
  const good = [...(id === "12" ? [] : [create]), has(LEVELS), has("m.room.member", A)];
  const check = (cited: readonly RoomEvent[], rejected?: RoomEvent) =>
    checkAuthEvents(
      version,
      message,
      cited.map((item) => ({ event: item, rejected: item === rejected })),
    );
  const rejection = (part: string) => ({ allowed: false, reason: expect.stringContaining(part) });

  test("all in order", () => expect(check(good)).toEqual({ allowed: true }));
  test("fewer than there could be", () => expect(check(good.filter(({ type }) => type !== LEVELS))).toEqual({ allowed: true }));
  test("a duplicate", () => expect(check([...good, member(A, A, "join")])).toEqual(rejection("two of m.room.member")));
  test("a stray", () => expect(check([...good, has(RULES)])).toEqual(rejection("no place")));
  test("another's membership", () => expect(check([...good, has("m.room.member", CREATOR)])).toEqual(rejection("no place")));
  test("no state", () => expect(check([...good, event({ type: LEVELS })])).toEqual(rejection("not state")));
  test("a rejected one", () => expect(check(good, good[0])).toEqual(rejection("was rejected")));
  test("one of another room", () => {
    const foreign = event({ type: LEVELS, stateKey: "", roomId: "!other:a.test" });
    expect(check([...good.filter(({ type }) => type !== LEVELS), foreign])).toEqual(rejection("another room"));
  });
  test("the create event or its lack", () => {
    if (id === "12") expect(check([...good, create])).toEqual(rejection("no place"));
    else expect(check(good.slice(1))).toEqual(rejection("no create event"));
  });
  test("a lookup of them", () => {
    const lookup = lookupOf(good);
    expect(lookup(LEVELS, "")).toBe(has(LEVELS));
    expect(lookup(RULES, "")).toBeUndefined();
  });
});
