import { createHash } from "node:crypto";
import { type Branch, dag } from "../fixtures/dag";
import { CREATOR } from "../fixtures/room";

const ALICE = CREATOR;
const BOB = "@bob:a.test";
const EVE = "@eve:a.test";

function publicRoom(): { start: Branch; resolve: ReturnType<typeof dag>["resolve"] } {
  const { start, resolve } = dag("1");
  return {
    start: start
      .levels(ALICE, { [ALICE]: 100, [BOB]: 50 })
      .rule(ALICE, "public")
      .join(BOB),
    resolve,
  };
}
const value = (branch: Branch, type: string, key: string, stateKey = ""): unknown => branch.get(type, stateKey)?.content[key];
const topic = (branch: Branch): unknown => value(branch, "m.room.topic", "topic");
const sha1 = (branch: Branch): string =>
  createHash("sha1")
    .update(branch.last?.eventId ?? "")
    .digest("hex");

test("what one set lacks is no conflict", () => {
  const { start, resolve } = publicRoom();
  const state = resolve(start, start.topic(BOB, "t").join(EVE));
  expect(topic(state)).toBe("t");
  expect(value(state, "m.room.member", "membership", EVE)).toBe("join");
});

test("the deepest topic wins, then the smallest hash", () => {
  const { start, resolve } = publicRoom();
  const shallow = start.topic(ALICE, "shallow");
  const deep = start.join(EVE).topic(BOB, "deep");
  expect(topic(resolve(shallow, deep))).toBe("deep");
  const rivals = Array.from({ length: 6 }, (_, i) => start.topic(ALICE, `rival ${i}`));
  const smallest = [...rivals].sort((a, b) => (sha1(a) < sha1(b) ? -1 : 1))[0];
  expect(topic(resolve(...rivals))).toBe(smallest && topic(smallest));
});

test("a topic that the resolved levels forbid loses", () => {
  const { start, resolve } = publicRoom();
  const demoted = start
    .topic(ALICE, "alice")
    .join(EVE)
    .levels(ALICE, { [ALICE]: 100 });
  const rebel = start.join(EVE).join("@x:a.test").join("@y:a.test").topic(BOB, "bob");
  const state = resolve(demoted, rebel);
  expect(topic(state)).toBe("alice");
});

test("power levels are taken as far as each allows the next", () => {
  const { start, resolve } = publicRoom();
  const lowered = start.levels(ALICE, { [ALICE]: 100, [BOB]: 0 });
  const byBob = start.join(EVE).levels(BOB, { [ALICE]: 100, [BOB]: 50, [EVE]: 50 });
  // In the order of depth Bob comes second, and by then he is nobody.
  expect(resolve(lowered, byBob).get("m.room.power_levels")?.eventId).toBe(lowered.last?.eventId);
});

test("join rules and members are settled before the rest", () => {
  const { start, resolve } = publicRoom();
  const base = start.join(EVE).topic(ALICE, "old");
  const banned = base.member(ALICE, EVE, "ban").rule(ALICE, "invite");
  const busy = base.join("@x:a.test").rule(ALICE, "public").topic(BOB, "new");
  const state = resolve(banned, busy);
  expect(value(state, "m.room.member", "membership", EVE)).toBe("ban");
  expect(value(state, "m.room.join_rules", "join_rule")).toBe("public");
  expect(topic(state)).toBe("new");
});
