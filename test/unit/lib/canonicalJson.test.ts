import fc from "fast-check";
import { canonicalJson, canonicalKeys, isCanonicalValue, quote } from "../../../src/lib/canonicalJson";
import { JsonNumber, type JsonValue, parseJson } from "../../../src/lib/json";
import { parseLosslessJson } from "../../../src/lib/jsonLossless";

const text = fc.string({ unit: "binary", maxLength: 8 });
const integer = fc.maxSafeInteger();
const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    integer.map((n) => n + 0),
    text,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(text, tie("value"), { maxKeys: 6 }),
  ),
})).value;

const codePoints = (s: string): number[] => Array.from(s, (c) => c.codePointAt(0) ?? 0);
function compare(a: string, b: string): number {
  const x = codePoints(a);
  const y = codePoints(b);
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
  return x.length - y.length;
}

test("printing and parsing changes nothing", () => {
  fc.assert(
    fc.property(json, (value) => {
      const printed = canonicalJson(value);
      expect(parseJson(printed)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(parseJson(printed))).toBe(printed);
      expect(canonicalJson(parseLosslessJson(printed))).toBe(printed);
      expect(isCanonicalValue(parseLosslessJson(printed))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("keys come in order of code points", () => {
  const key = fc.string({ unit: fc.constantFrom("a", "b", "\ue000", "\uffff", "😀", "𐀀", "é"), maxLength: 4 });
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 8 }), (keys) => {
      const object = Object.fromEntries(keys.map((name) => [name, 1]));
      expect(canonicalKeys(object)).toEqual([...keys].sort(compare));
    }),
    { numRuns: 1_000 },
  );
});

test("a key above the surrogates comes before an astral one", () => {
  expect(canonicalJson({ "😀": 1, "\uffff": 2, a: 3 })).toBe('{"a":3,"\uffff":2,"😀":1}');
});

test.each([
  ['"', '"\\""'],
  ["\\", '"\\\\"'],
  ["/", '"/"'],
  ["\b\f\n\r\t", '"\\b\\f\\n\\r\\t"'],
  ["\u0000\u000b\u001f", '"\\u0000\\u000b\\u001f"'],
  ["\u007f\u2028\u2029", '"\u007f\u2028\u2029"'],
  ["😀", '"😀"'],
])("quotes %j as short as can be", (value, expected) => {
  expect(quote(value)).toBe(expected);
});

test.each<[JsonValue, string]>([
  [-0, "0"],
  [1e10, "10000000000"],
  [2 ** 53, "9007199254740992"],
  [Infinity, "null"],
  [1e21, "1000000000000000000000"],
  [new JsonNumber("1.50"), "1.50"],
  [[new JsonNumber("9007199254740993")], "[9007199254740993]"],
  [{ b: undefined, a: null }, '{"a":null}'],
  [[], "[]"],
])("prints %j as %s", (value, expected) => {
  expect(canonicalJson(value)).toBe(expected);
});

test.each(["1.0", "1.5", "1e2", "-0", "9007199254740992", "-9007199254740992"])("version 6 takes no %s", (number) => {
  for (const source of [number, `[${number}]`, `{"a":{"b":[1,${number}]}}`])
    expect(isCanonicalValue(parseLosslessJson(source))).toBe(false);
});

test("what JSON.parse made of them is refused as well, as far as it can be told", () => {
  for (const value of [1.5, -0, 2 ** 53, NaN, Infinity]) expect(isCanonicalValue([value])).toBe(false);
});
