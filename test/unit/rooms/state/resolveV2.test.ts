import type { RoomEvent } from "../../../../src/rooms/event";
import { resolveState } from "../../../../src/rooms/state/resolve";
import { type Branch, dag } from "../fixtures/dag";
import { CREATOR, requireVersion, versions } from "../fixtures/room";

const ALICE = CREATOR;
const BOB = "@bob:a.test";
const CAROL = "@carol:a.test";
const EVE = "@eve:a.test";

/** A public room of everybody; in version 12 the creator is not to be named in power levels. */
function publicRoom(version: string): {
  start: Branch;
  resolve: ReturnType<typeof dag>["resolve"];
  users: (levels?: Record<string, number>) => Record<string, number>;
} {
  const { start, resolve } = dag(version);
  const users = (levels: Record<string, number> = {}) => (version === "12" ? levels : { [ALICE]: 100, ...levels });
  return { start: start.levels(ALICE, users(), 10).rule(ALICE, "public", 11).join(BOB).join(CAROL), resolve, users };
}

const membership = (branch: Branch, userId: string): unknown => branch.get("m.room.member", userId)?.content["membership"];
const topic = (branch: Branch): unknown => branch.get("m.room.topic")?.content["topic"];
const id = (event: RoomEvent | undefined): string | undefined => event?.eventId;

describe.each(versions(2))("version %s", (version) => {
  test("a ban wins over power levels that the banned one changed meanwhile", () => {
    const { start, resolve, users } = publicRoom(version);
    const promoted = start.levels(ALICE, users({ [BOB]: 50 }));
    const banned = promoted.member(ALICE, BOB, "ban");
    const changed = promoted.levels(BOB, users({ [BOB]: 50, [CAROL]: 50 }));
    const state = resolve(banned, changed);
    expect(membership(state, BOB)).toBe("ban");
    expect(id(state.get("m.room.power_levels"))).toBe(id(promoted.last));
  });

  test("who joins a room while it is being closed stays outside", () => {
    const { start, resolve } = publicRoom(version);
    const closed = start.rule(ALICE, "private", 1_000);
    const joined = start.join(EVE);
    const state = resolve(closed, joined);
    expect(membership(state, EVE)).toBeUndefined();
    expect(id(state.get("m.room.join_rules"))).toBe(id(closed.last));
  });

  test("a chain of power levels is kept whole against an old fork", () => {
    const { start, resolve, users } = publicRoom(version);
    const first = start.levels(ALICE, users({ [BOB]: 50 }));
    const third = first.levels(BOB, users({ [BOB]: 50, [CAROL]: 50 })).levels(CAROL, users({ [BOB]: 50, [CAROL]: 0 }));
    expect(id(resolve(third, first).get("m.room.power_levels"))).toBe(id(third.last));
    expect(id(resolve(first, third).get("m.room.power_levels"))).toBe(id(third.last));
  });

  test("demoting wins over what the demoted one did meanwhile", () => {
    const { start, resolve, users } = publicRoom(version);
    const promoted = start.levels(ALICE, users({ [BOB]: 50 }));
    const demoted = promoted.topic(ALICE, "before").levels(ALICE, users({ [BOB]: 0 }));
    const revolt = promoted.levels(BOB, users({ [BOB]: 50, [EVE]: 50 })).topic(BOB, "revolt");
    const state = resolve(demoted, revolt);
    expect(id(state.get("m.room.power_levels"))).toBe(id(demoted.last));
    expect(topic(state)).toBe("before");
  });

  test("a banned user's topic falls back to the one before", () => {
    const { start, resolve, users } = publicRoom(version);
    const before = start.topic(ALICE, "one");
    const after = before
      .levels(ALICE, users({ [BOB]: 50 }))
      .topic(BOB, "two")
      .member(ALICE, BOB, "ban");
    const state = resolve(after, before);
    expect(membership(state, BOB)).toBe("ban");
    expect(topic(state)).toBe("one");
  });

  test("of topics on the same mainline the later one wins, then the greater id", () => {
    const { start, resolve } = publicRoom(version);
    const one = start.topic(ALICE, "one", 2_000);
    const two = start.topic(ALICE, "two", 2_001);
    expect(topic(resolve(one, two))).toBe("two");
    const rival = start.topic(ALICE, "rival", 2_001);
    const ids = [two, rival].map((branch) => branch.last?.eventId ?? "").sort();
    expect(id(resolve(two, rival).get("m.room.topic"))).toBe(ids[1]);
  });

  test("a topic on newer power levels wins over a later one on older", () => {
    const { start, resolve, users } = publicRoom(version);
    const older = start.topic(ALICE, "older", 9_000);
    const newer = start.levels(ALICE, users({ [BOB]: 50 }), 3_000).topic(ALICE, "newer", 3_001);
    expect(topic(resolve(older, newer))).toBe("newer");
  });

  test("what only one side knows comes in if it is allowed", () => {
    const { start, resolve } = publicRoom(version);
    const named = start.send({ type: "m.room.name", sender: ALICE, content: { name: "n" } });
    const state = resolve(start.join(EVE), named);
    expect(membership(state, EVE)).toBe("join");
    expect(state.get("m.room.name")?.content).toEqual({ name: "n" });
  });

  test("a kick on one side, a topic of the kicked on the other", () => {
    const { start, resolve, users } = publicRoom(version);
    const promoted = start.levels(ALICE, users({ [BOB]: 50 }));
    const state = resolve(promoted.member(ALICE, BOB, "leave"), promoted.topic(BOB, "mine"));
    expect(membership(state, BOB)).toBe("leave");
    expect(topic(state)).toBeUndefined();
  });

  test("of power levels of unequals the mightier comes first, so that the weaker builds on it or fails", () => {
    const { start, resolve, users } = publicRoom(version);
    const promoted = start.levels(ALICE, users({ [BOB]: 50 }));
    const byBob = promoted.levels(BOB, users({ [BOB]: 50, [EVE]: 10 }), 100);
    const byAlice = promoted.levels(ALICE, users({ [BOB]: 0 }), 200);
    expect(id(resolve(byBob, byAlice).get("m.room.power_levels"))).toBe(id(byAlice.last));
  });

  test("equal sets resolve to themselves", () => {
    const { start, resolve } = publicRoom(version);
    expect(resolve(start, start).state).toEqual(start.state);
    expect(resolve(start).state).toEqual(start.state);
  });

  test.each([
    ["public", true],
    ["invite", false],
  ])("a rejected join into a room with rule %s may win after all: %s; but by itself it authorises nothing", (rule, wins) => {
    const room = dag(version);
    const start = room.start.levels(ALICE, version === "12" ? { [EVE]: 50 } : { [ALICE]: 100, [EVE]: 50 }).rule(ALICE, rule);
    const join = { type: "m.room.member", sender: EVE, stateKey: EVE, content: { membership: "join" }, forced: true };
    const joined = start.send(join);
    const spoken = joined.topic(EVE, "here I am").without("m.room.member", EVE);
    const context = { ...room.context, rejected: (eventId: string) => eventId === joined.last?.eventId };
    const resolve = (...branches: Branch[]) => {
      const states = branches.map(({ state }) => state);
      const result = resolveState(requireVersion(version), states, context);
      if ("missing" in result) throw new Error("missing");
      return [...result.state.values()];
    };
    expect(resolve(joined, start).includes(joined.last?.eventId ?? "")).toBe(wins);
    expect(resolve(spoken, start).includes(spoken.last?.eventId ?? "")).toBe(wins);
  });
});

// MSC4297: what v2.1 is there to solve, in the same room with either algorithm.
describe("state resolution v2.1", () => {
  test.each([
    ["11", undefined],
    ["12", "by bob"],
  ])("version %s: a topic whose author has left since is not judged by the present: %s", (version, expected) => {
    const { start, resolve, users } = publicRoom(version);
    const left = start
      .levels(ALICE, users({ [BOB]: 50 }))
      .topic(BOB, "by bob")
      .member(BOB, BOB, "leave");
    // A server that missed the topic, but agrees that Bob has left.
    const poorer = left.without("m.room.topic");
    expect(topic(resolve(left, poorer))).toBe(expected);
    expect(topic(resolve(poorer, left))).toBe(expected);
  });

  test.each([
    ["11", "first"],
    ["12", "third"],
  ])("version %s: what lies between conflicted events counts: %s wins", (version, winner) => {
    // The second power levels let Bob send the third. Both servers know them by the topic, so they are no difference.
    const { start, resolve, users } = publicRoom(version);
    const first = start.levels(ALICE, users({ [CAROL]: 1 }));
    const second = first.levels(ALICE, users({ [BOB]: 50 }));
    const third = second.topic(BOB, "common").levels(BOB, users({ [BOB]: 50, [EVE]: 10 }));
    const behind = third.with(first.last);
    for (const state of [resolve(third, behind), resolve(behind, third)]) {
      expect(id(state.get("m.room.power_levels"))).toBe(id(winner === "third" ? third.last : first.last));
    }
  });
});
