import {
  anyJson,
  anyObject,
  array,
  boolean,
  integer,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  union,
  type Schema,
} from "../../../src/lib/schema";
import { readText, validator } from "../../../src/lib/validate";
import { integerText, booleanText } from "../../../src/lib/schema";

const cases: readonly (readonly [string, Schema<unknown>, unknown, string | undefined])[] = [
  ["unknown fields pass", object({ a: string() }), { a: "x", b: 1 }, undefined],
  ["missing", object({ a: string() }), {}, "missing a is required"],
  ["missing deep", object({ a: object({ b: integer() }) }), { a: {} }, "missing a.b is required"],
  ["absent optional", object({ a: optional(string()) }), {}, undefined],
  ["null is not absent", object({ a: optional(string()) }), { a: null }, "invalid a must be string"],
  ["nullable", object({ a: nullable(string()) }), { a: null }, undefined],
  ["in a list", object({ a: array(integer()) }), { a: [1, "2"] }, "invalid a.1 must be integer"],
  ["list length", array(integer(), { maxItems: 1 }), [1, 2], "invalid  must NOT have more than 1 items"],
  ["in a record", record(boolean()), { "a/b~c": "x" }, "invalid a/b~c must be boolean"],
  ["a record with __proto__", record(boolean()), JSON.parse('{"__proto__": 1}'), "invalid __proto__ must be boolean"],
  ["one of", oneOf("a", 1), "b", 'invalid  must be one of ["a",1]'],
  ["union", union(string(), integer()), 5, undefined],
  ["not in the union", object({ a: union(string(), integer()) }), { a: [] }, "invalid a must match a schema in anyOf"],
  ["integer as 1.0", integer(), 1.0, undefined],
  ["not safe", integer(), 2 ** 53, "invalid  must be <= 9007199254740991"],
  ["number range", number({ minimum: 0, maximum: 1 }), 1.5, "invalid  must be <= 1"],
  ["string length in code points", string({ maxLength: 2 }), "🐱🐱", undefined],
  ["pattern", string({ pattern: "^a+$" }), "b", 'invalid  must match pattern "^a+$"'],
  ["anything", anyJson(), [null, { a: 1 }], undefined],
  ["any object", anyObject(), [], "invalid  must be object"],
];

test.each(cases)("JSON: %s", (_, schema, value, expected) => {
  const failure = validator(schema)(value);
  expect(failure && `${failure.kind} ${failure.path} ${failure.message}`).toBe(expected);
});

test("a validator leaves the value alone and can be used again", () => {
  const check = validator(object({ a: integer() }));
  const value = { a: "1" };
  expect([check(value)?.kind, check({ a: 1 }), value]).toEqual(["invalid", undefined, { a: "1" }]);
});

test("text: repeated, absent, empty and unusable values", () => {
  const schema = object({
    from: optional(string()),
    limit: optional(integerText()),
    full: optional(booleanText()),
    via: array(string()),
    servers: optional(array(oneOf("a", "b"))),
  });
  const read = (values: Record<string, string[]>) => readText(schema, (name) => values[name]);
  expect(read({})).toEqual({ value: { via: [] } });
  expect(read({ from: [""], limit: ["+5", "6"], full: ["false"], via: ["x", "x"], servers: ["b"] })).toEqual({
    value: { from: "", limit: 5, full: false, via: ["x", "x"], servers: ["b"] },
  });
  expect(read({ limit: ["5.5"] })).toMatchObject({ failure: { path: "limit", message: "must be an integer" } });
  expect(read({ full: ["True"] })).toMatchObject({ failure: { path: "full" } });
  expect(read({ servers: ["c"] })).toMatchObject({ failure: { path: "servers", message: 'must be one of ["a","b"]' } });
  expect(readText(object({ a: string({ minLength: 1, pattern: "^x" }) }), () => [""])).toMatchObject({ failure: { kind: "invalid" } });
  expect(readText(object({ a: string() }), () => undefined)).toMatchObject({ failure: { kind: "missing", path: "a" } });
});
