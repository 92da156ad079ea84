import { parseYaml } from "../../../src/config/yaml";

test.each([
  ["a: yes", { a: true }],
  ["a: Off", { a: false }],
  ["a: y\nb: n", { a: "y", b: "n" }],
  ["n: 1", { n: 1 }],
  ["a: 'no'", { a: "no" }],
  ["a: 0644", { a: 420 }],
  ["a: 2018-01-01", { a: "2018-01-01" }],
  ["a: ~\nb:", { a: null, b: null }],
  ["a: &x {p: 1}\nb: *x\nc:\n  <<: *x\n  q: 2", { a: { p: 1 }, b: { p: 1 }, c: { p: 1, q: 2 } }],
  ["d: &x {p: 1}\nc:\n  p: 2\n  <<: *x", { d: { p: 1 }, c: { p: 2 } }],
  ['{"a": true}', { a: true }],
  ["a: 0.17", { a: 0.17 }],
  ["a: 1_000", { a: 1000 }],
  ["", undefined],
  ["# only a comment\n", undefined],
])("%j", (text, value) => {
  expect(parseYaml(text, "f.yaml")).toEqual({ value });
});

test.each([
  ["a: [1,", "f.yaml, line 1, column 7", "not valid YAML: unexpected end of the stream within a flow collection"],
  ["a: b: c", "f.yaml, line 1, column 5", "not valid YAML: bad indentation of a mapping entry"],
  ["a: 1\nb:\n\t- c", "f.yaml, line 3, column 1", "not valid YAML: tab characters must not be used in indentation"],
  ["a: *nope", "f.yaml, line 1, column 4", 'not valid YAML: unidentified alias "nope"'],
  [
    "a: !!python/object:os.system x",
    "f.yaml, line 1, column 3",
    "not valid YAML: unknown scalar tag !<tag:yaml.org,2002:python/object:os.system>",
  ],
])("%j is refused", (text, file, wanted) => {
  expect(parseYaml(text, "f.yaml")).toMatchObject({
    value: undefined,
    problem: { file: expect.stringContaining(file.slice(0, 14)), key: "", wanted },
  });
});

test("of equal keys the last one wins, as in Python, with a warning", () => {
  expect(parseYaml("a: 1\nb: 2\na: 3", "f.yaml")).toEqual({
    value: { a: 3, b: 2 },
    warning: { file: "f.yaml, line 3, column 1", key: "", wanted: "the same key stands twice; the last one counts" },
  });
});
