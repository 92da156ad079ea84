import type { RedactionRecord, Standing } from "../records";
import { countDiffering, countHidden, disagreements } from "./agreement";
import type { View } from "./agreement";

interface Told {
  readonly state?: Readonly<Record<string, string>>;
  readonly history?: readonly string[];
  readonly standings?: Readonly<Record<string, Standing>>;
  readonly ends?: readonly string[];
  readonly redactions?: Readonly<Record<string, RedactionRecord>>;
  /** What it acknowledged. */
  readonly said?: readonly string[];
}

/** A server that tells two events, the last of which is the end; but for what is said otherwise. */
const view = (
  server: string,
  { state = { "m.room.name ": "$1 name" }, history = ["$1", "$2"], standings = {}, ends = ["$2"], redactions = {} }: Told,
): View => ({
  server,
  state: new Map(Object.entries(state)),
  history: history.map((id) => [id.slice(0, 2), `text of ${id}`] as const),
  records: {
    standings: new Map<string, Standing>([["$1", "there"], ["$2", "there"], ...Object.entries(standings)]),
    ends,
    redactions: new Map(Object.entries(redactions)),
  },
});

const problemsOf = (other: Told): string[] =>
  disagreements({
    roomId: "!room",
    views: [view("one", {}), view("two", {}), view("other", other)],
    said: (other.said ?? []).map((eventId) => ({ server: "other", eventId, type: "m.test" })),
  });

test("servers agree that tell the same, and where one has to hide an event", () => {
  expect(problemsOf({ said: ["$1", "$2"] })).toEqual([]);
  const hiding = { history: ["$2"], standings: { $1: "soft failed" } } as const;
  expect(problemsOf(hiding)).toEqual([]);
  expect(countHidden([view("one", {}), view("other", hiding)])).toBe(1);
});

test.each<[string, Told, RegExp]>([
  ["other state", { state: { "m.room.name ": "$2 name" } }, /state m\.room\.name : one \$1 name; two \$1 name; other \$2 name/],
  ["state that others lack", { state: { "m.room.name ": "$1 name", "m.room.topic ": "$2" } }, /state m\.room\.topic : one nothing/],
  ["a missing event", { history: ["$2"] }, /not everywhere: \$. text of \$1: one there; two there; other there, not told/],
  ["a rejected event", { history: ["$2"], standings: { $1: "rejected" } }, /other rejected/],
  ["an outlier", { history: ["$2"], standings: { $1: "outlier" } }, /other outlier/],
  ["an event that others lack", { history: ["$1", "$2", "$3"] }, /not everywhere: \$. text of \$3: one unknown/],
  ["another text", { history: ["$1 redacted", "$2"] }, /told differently: \$1 one text of \$1; .* other text of \$1 redacted/],
  ["other ends", { ends: ["$1"] }, /ends: one \$2; two \$2; other \$1/],
  ["an event told twice", { history: ["$1", "$1", "$2"] }, /told twice by other: \$1/],
  ["a lost event", { said: ["$9"] }, /lost by other, which acknowledged it: m\.test \$9 \(unknown\)/],
  ["a hidden event of its own", { said: ["$1"], history: ["$2"], standings: { $1: "soft failed" } }, /lost by other.*\$1 \(soft failed\)/],
])("found: %s", (_what, other, wanted) => {
  expect(problemsOf(other).join("\n")).toMatch(wanted);
});

test("ends that nobody has tied together are found", () => {
  const ends = ["$1", "$2"];
  expect(disagreements({ roomId: "!room", views: [view("one", { ends }), view("other", { ends })], said: [] })).toHaveLength(1);
});

test("who could not know of a redaction tells the event whole", () => {
  const redacted = view("one", { history: ["$1 redacted", "$2"], redactions: { $2: { redacts: "$1", doubted: false } } });
  const problems = (other: Told) => disagreements({ roomId: "!room", views: [redacted, view("other", other)], said: [] });
  expect(problems({})).toEqual([]);
  expect(countDiffering([redacted, view("other", {})])).toBe(1);
  expect(problems({ redactions: { $2: { redacts: "$1", doubted: true } } })).toEqual([]);
  expect(problems({ redactions: { $2: { redacts: "$1", doubted: false } } })).toHaveLength(1);
  expect(problems({ history: ["$1 other", "$2 other"] })).toHaveLength(1);
});
