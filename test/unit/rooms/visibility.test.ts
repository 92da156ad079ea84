import { type HistoryVisibility, type VisibilityFacts, historyVisibilityOf, maySee, serverMaySee } from "../../../src/rooms/visibility";
import { room } from "./fixtures/room";

const memberships = ["join", "invite", "leave", "ban", "knock"];
const visibilities: HistoryVisibility[] = ["world_readable", "shared", "invited", "joined"];

// Specification: client-server API, "Room History Visibility", the five rules, before any special case.
function byTheRules({ visibility, membership, joinedSince }: VisibilityFacts): boolean {
  if (visibility === "world_readable") return true;
  if (membership === "join") return true;
  if (visibility === "shared" && joinedSince) return true;
  return membership === "invite" && visibility === "invited";
}

const facts: VisibilityFacts[] = visibilities.flatMap((visibility) =>
  memberships.flatMap((membership) => [true, false].map((joinedSince) => ({ visibility, membership, joinedSince }))),
);

test.each(facts)("$visibility, $membership, joined since: $joinedSince", (fact) => {
  expect(maySee(fact)).toBe(byTheRules(fact));
});

test("own member events and changes of the visibility go by the better of before and after", () => {
  for (const fact of facts) {
    for (const visibilityAfter of visibilities) {
      expect(maySee({ ...fact, visibilityAfter })).toBe(byTheRules(fact) || byTheRules({ ...fact, visibility: visibilityAfter }));
    }
    for (const membershipAfter of memberships) {
      expect(maySee({ ...fact, membershipAfter })).toBe(byTheRules(fact) || byTheRules({ ...fact, membership: membershipAfter }));
    }
  }
});

test("without a setting, or with an unknown one, history is shared", () => {
  const { event } = room("11");
  const setting = (history_visibility: string) =>
    historyVisibilityOf(event({ type: "m.room.history_visibility", stateKey: "", content: { history_visibility } }));
  expect(historyVisibilityOf(undefined)).toBe("shared");
  expect(setting("unheard_of")).toBe("shared");
  for (const known of visibilities) expect(setting(known)).toBe(known);
});

test.each<[HistoryVisibility, string[], "inRoom" | "notInRoom", boolean]>([
  ["world_readable", [], "notInRoom", true],
  ["shared", ["leave"], "inRoom", true],
  ["shared", ["leave"], "notInRoom", false],
  ["shared", ["leave", "join"], "notInRoom", true],
  ["invited", ["invite"], "notInRoom", true],
  ["invited", ["leave"], "inRoom", false],
  ["joined", ["invite"], "inRoom", false],
  ["joined", ["ban", "join"], "notInRoom", true],
])("a server with %s history, members at %j, now %s: %s", (visibility, then, now, may) => {
  expect(serverMaySee(visibility, then, now)).toBe(may);
});
