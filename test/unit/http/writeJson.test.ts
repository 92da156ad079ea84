import { JsonText } from "../../../src/lib/jsonText";
import { jsonChunks, writeJson } from "../../../src/lib/writeJson";
import fc from "fast-check";

const text = (value: unknown): JsonText => new JsonText(JSON.stringify(value));

test("writes what JSON.stringify writes, whatever parts of it are ready", () => {
  const tree = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.jsonValue().map(text),
      fc.array(tie("tree")),
      fc.dictionary(fc.string(), tie("tree")),
    ),
  })).tree;
  fc.assert(
    fc.property(tree, (value) => {
      const expected = JSON.stringify(value);
      expect(JSON.stringify(JSON.parse(writeJson(value, Infinity) ?? ""))).toBe(JSON.stringify(JSON.parse(expected)));
      expect([...jsonChunks(value, 7)].join("")).toBe(writeJson(value, Infinity));
    }),
  );
});

test("texts are not parsed, undefined is left out", () => {
  const value = { a: new JsonText("[1,  2]"), b: undefined, c: [undefined, new JsonText("{}")], d: new Date(0), 'e"': 1 };
  expect(writeJson(value, Infinity)).toBe('{"a":[1,  2],"c":[null,{}],"d":"1970-01-01T00:00:00.000Z","e\\"":1}');
  expect([...jsonChunks(value, 1)].join("")).toBe(writeJson(value, Infinity));
  expect([writeJson(undefined, 9), writeJson({ a: undefined }, 9), writeJson([], 9)]).toEqual(["null", "{}", "[]"]);
});

test("gives up on what is long or has very many objects", () => {
  expect(writeJson([text("x".repeat(50)), text("x".repeat(60))], 100)).toBeUndefined();
  expect(writeJson("x".repeat(99), 100)).toBeUndefined();
  expect(
    writeJson(
      Array.from({ length: 30_000 }, () => ({})),
      Infinity,
    ),
  ).toBeUndefined();
  const chunks = [
    ...jsonChunks(
      Array.from({ length: 30_000 }, () => ({})),
      1000,
    ),
  ];
  expect(JSON.parse(chunks.join(""))).toHaveLength(30_000);
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(1010);
});
