import fc from "fast-check";
import { JsonError, JsonNumber, MAX_JSON_DEPTH, isJsonObject, own, parseJson } from "../../../src/lib/json";
import { parseLosslessJson, withPlainNumbers } from "../../../src/lib/jsonLossless";

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof JsonError) return error.reason;
    throw error;
  }
};

const parsers = { parseJson, parseLosslessJson };
const nested = (depth: number, inside = ""): string => "[".repeat(depth) + inside + "]".repeat(depth);
/** Sends parseLosslessJson down its slow path. */
const slow = (text: string): string => `{"n":1.5,"v":${text}}`;

describe.each(Object.entries(parsers))("%s", (_name, parse) => {
  test.each([
    "",
    "{",
    "[1,]",
    '{"a":1,}',
    "nul",
    "01",
    "1.",
    "+1",
    "'a'",
    '"\n"',
    '"\\x"',
    "[1] 2",
    "\ufeff{}",
    "NaN",
    "{a:1}",
    '{"a" 1}',
    "-",
    "1e",
  ])("refuses %j", (text) => {
    expect(reasonOf(() => parse(text))).toBe("syntax");
    expect(reasonOf(() => parse(slow(text === "" ? "," : text)))).toBe("syntax");
  });

  test.each(['"\\ud800"', '["\\uDC00"]', '{"\\ud83d":1}', '"\\udc00\\ud800"', '"\ud800"'])("refuses the lone surrogate in %j", (text) => {
    expect(reasonOf(() => parse(text))).toBe("surrogate");
    expect(reasonOf(() => parse(slow(text)))).toBe("surrogate");
  });

  test.each(['"\\ud83d\\ude00"', '"\\\\ud800"', '"😀"'])("takes the harmless %j", (text) => {
    expect(parse(text)).toBe(JSON.parse(text));
  });

  test("bytes must be UTF-8", () => {
    expect(parse(Buffer.from('{"a":"ü"}'))).toEqual({ a: "ü" });
    expect(reasonOf(() => parse(Buffer.from([0x22, 0xff, 0x22])))).toBe("encoding");
    expect(reasonOf(() => parse(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])))).toBe("encoding");
  });

  test("nesting has a limit", () => {
    expect(reasonOf(() => parse(nested(10_000)))).toBe("depth");
    expect(reasonOf(() => parse(slow(nested(10_000))))).toBe("depth");
    expect(reasonOf(() => parse('{"a":'.repeat(100_000)))).toBe("depth");
    expect(reasonOf(() => parse(nested(MAX_JSON_DEPTH)))).toBeUndefined();
    expect(reasonOf(() => parse(nested(MAX_JSON_DEPTH + 1)))).toBe("depth");
    expect(reasonOf(() => parse(nested(3), { maxDepth: 2 }))).toBe("depth");
    expect(reasonOf(() => parse(`[${"[],".repeat(5_000)}[]]`))).toBeUndefined();
    expect(reasonOf(() => parse(`"${"[{".repeat(5_000)}\\""`))).toBeUndefined();
  });

  test("keys of the prototype do no harm", () => {
    for (const text of ['{"__proto__":{"admin":true},"constructor":1}', slow('{"__proto__":{"admin":true},"constructor":1}')]) {
      const parsed = parse(text);
      if (!isJsonObject(parsed)) throw new Error("no object");
      const value = own(parsed, "v") ?? parsed;
      if (!isJsonObject(value)) throw new Error("no object");
      expect(value["admin"]).toBeUndefined();
      expect(own(value, "__proto__")).toEqual({ admin: true });
      expect(own(value, "constructor")).toBe(1);
      expect(own(value, "toString")).toBeUndefined();
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    }
  });

  test("agrees with JSON.parse", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const expected: unknown = JSON.parse(text);
        const parsed = parse(text);
        expect(withPlainNumbers(parsed)).toEqual(expected);
        expect(JSON.parse(JSON.stringify(parsed))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });
});

test.each([
  "9007199254740992",
  "-9007199254740992",
  "9007199254740993",
  "123456789012345678901234567890",
  "1.0",
  "1.50",
  "1e2",
  "1E+2",
  "-0",
  "-0.0",
  "0.1",
  "5e-324",
  "1e400",
])("keeps the text of %s", (text) => {
  for (const source of [`[${text}]`, `{"a": ${text} }`, `[0,${text},"x:1.5"]`]) {
    const found: string[] = [];
    const parsed = parseLosslessJson(source);
    for (const item of Object.values(parsed as object)) if (item instanceof JsonNumber) found.push(item.text);
    expect(found).toEqual([text]);
  }
});

test.each(["0", "1", "-1", "9007199254740991", "-9007199254740991", "1432735824653"])("%s stays a number", (text) => {
  expect(parseLosslessJson(`[${text}, 1.5]`)).toEqual([Number(text), new JsonNumber("1.5")]);
  expect(parseLosslessJson(`[${text}]`)).toEqual([Number(text)]);
});

test("a number kept as text is neither number nor object", () => {
  const number = new JsonNumber("1.50");
  expect(isJsonObject(number)).toBe(false);
  expect(JSON.stringify({ number })).toBe('{"number":1.5}');
  expect(withPlainNumbers({ a: [number], __proto__x: null })).toEqual({ a: [1.5], __proto__x: null });
});
