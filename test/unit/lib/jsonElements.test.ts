import fc from "fast-check";
import { JsonError, parseJson } from "../../../src/lib/json";
import { JsonElements } from "../../../src/lib/jsonElements";

interface Taken {
  readonly rest: unknown;
  readonly elements: [string, unknown][];
}

/** Feeds a text in pieces of some length. */
function take(text: string, { size = 7, maxElements = 1_000, maxElementBytes = 10_000, maxRestBytes = 10_000 } = {}): Taken {
  const elements: [string, unknown][] = [];
  const reader = new JsonElements({
    arrays: ["state", "auth_chain"],
    maxElements,
    maxElementBytes,
    maxRestBytes,
    onElement: (name, bytes) => void elements.push([name, parseJson(bytes)]),
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  return { rest: parseJson(reader.end()), elements };
}

const join = { origin: "a.example", members_omitted: false, event: { state: [1], x: "],[" } };

test.each([1, 2, 3, 7, 1_000])("elements come one by one, in pieces of %d bytes", (size) => {
  const state = [{ a: '\\" ] , [ {' }, [1, [2]], "text, \u00e9", 5, null];
  const text = JSON.stringify({ ...join, state, auth_chain: [{}], last: "state" }, undefined, size % 3);
  const { rest, elements } = take(text, { size });
  expect(rest).toEqual({ ...join, state: [], auth_chain: [], last: "state" });
  expect(elements).toEqual([...state.map((item) => ["state", item]), ["auth_chain", {}]]);
});

test("in an array as old servers answer, under names with escapes, and where there are none", () => {
  expect(take('[200, {"state": [1, 2], "auth_chain": [ ]}]')).toEqual({
    rest: [200, { state: [], auth_chain: [] }],
    elements: [
      ["state", 1],
      ["state", 2],
    ],
  });
  expect(take('{"st\\u0061te":[1]}').elements).toEqual([["state", 1]]);
  expect(take('{"state":7,"x":{"state":[1]},"y":["state",[1]]}')).toEqual({
    rest: { state: 7, x: { state: [1] }, y: ["state", [1]] },
    elements: [],
  });
});

test.each([
  ["ends too early", '{"state":[{"a":1},{"b"'],
  ["ends within a text", '{"state":["abc'],
  ["ends before it has begun to end", '{"state":[1]'],
  ["has an empty place", '{"state":[1,,2]}'],
  ["has a comma too many", '{"state":[1,]}'],
  ["has another bracket", '{"state":[1}]'],
  ["closes more than it opens", '{"state":[1]}}'],
  ["has an element that is none", '{"state":[1 2]}'],
  ["names an array twice", '{"state":[1],"state":[2]}'],
  ["names an array twice, in other letters", '{"state":[1],"\\u0073tate":[2]}'],
  ["is no JSON around the elements", '{"state":[1] "x":1}'],
  ["is nested too deeply in an element", `{"state":[${"[".repeat(10_000)}${"]".repeat(10_000)}]}`],
  ["is nested too deeply elsewhere", `{"x":${"[".repeat(600)}${"]".repeat(600)}}`],
  ["has an element that is too large", `{"state":["${"x".repeat(20_000)}"]}`],
  ["is too large elsewhere", `{"x":"${"x".repeat(20_000)}"}`],
  ["has too many elements", `{"state":[${"1,".repeat(1_000)}1]}`],
])("a text that %s is refused", (_, text) => {
  expect(() => take(text)).toThrow(JsonError);
});

test("whatever it is, what comes out is what JSON.parse makes of it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.integer({ min: 1, max: 40 }),
      (state, others, size) => {
        const { state: _state, auth_chain: _chain, ...rest } = others;
        const text = JSON.stringify({ ...rest, state });
        const taken = take(text, { size, maxElementBytes: 1e6, maxRestBytes: 1e6 });
        expect(taken.elements).toEqual(JSON.parse(JSON.stringify(state)).map((item: unknown) => ["state", item]));
        expect(taken.rest).toEqual({ ...(JSON.parse(JSON.stringify(rest)) as object), state: [] });
      },
    ),
    { numRuns: 300 },
  );
});
