import fc from "fast-check";
import type { JsonObject, JsonValue } from "../../../src/lib/json";

/** Requests as strangers may send them: what is right, with a few things in it that are not. */

const nested = fc.integer({ min: 1, max: 150 }).map((depth) => JSON.parse(`${'{"a":['.repeat(depth)}1${"]}".repeat(depth)}`) as JsonValue);
const oddNumbers = fc.constantFrom(-1, 0, -0, 2 ** 31, 2 ** 31 - 1, -(2 ** 31) - 1, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 63, 1.5, -1e300);
export const oddTexts = fc.constantFrom(
  ...["", " ", "\u0000", "a\u0000b", "\ud800", "\u202e", "x".repeat(300), "é".repeat(70_000), "\n", "%", "%00", "\\", "'", '"', "<script>"],
  ...[
    "$",
    "!",
    "@",
    "#",
    "@:",
    "@x:",
    "@bob",
    "@bob:nowhere.invalid",
    "!x:nowhere.invalid",
    "#x:nowhere.invalid",
    "$x:y",
    "@\u0000:test.local",
  ],
  ...[
    "mxc://",
    "mxc://a/b",
    "https://",
    "http://[::1]:0/",
    "9".repeat(30),
    "-9",
    "1e9",
    "NaN",
    "Infinity",
    "true",
    "null",
    "{}",
    "[]",
    "s1_2_3",
  ],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "..", "../../etc/passwd", "m.room.member", "ed25519:", "curve25519:x", "*"],
);
const poisoned = fc.constantFrom(
  '{"__proto__":{"admin":true}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"toString":1,"valueOf":2,"length":-1}',
  '{"":{"":""}}',
  '{"\\u0000":"\\u0000"}',
);
const long = fc
  .constantFrom("array", "object")
  .map((kind): JsonValue =>
    kind === "array" ? Array<string>(2_000).fill("x") : Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`k${i}`, i])),
  );
export const odd: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>,
  oddNumbers,
  oddTexts,
  nested,
  poisoned.map((text) => JSON.parse(text) as JsonValue),
  long,
  fc.constantFrom<JsonValue>(null, true, false, [], {}, [null], [[]], [{}], ["text", 1]),
);

/** One change at a place that is found by counting through all there are. */
const change = fc.record({
  at: fc.nat({ max: 1_000 }),
  kind: fc.constantFrom("replace", "replace", "replace", "remove", "add"),
  key: oddTexts,
  value: odd,
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

type Parent = JsonValue[] | Record<string, JsonValue>;

function set(parent: Parent, key: string, value: JsonValue): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function places(value: JsonValue | undefined, found: [Parent, string][] = []): [Parent, string][] {
  if (typeof value !== "object" || value === null) return found;
  for (const [key, child] of Object.entries(value)) {
    found.push([value as Parent, key]);
    places(child, found);
  }
  return found;
}

/** Values are used again and again, and changed in turn. Keeps a key `__proto__`. */
const copy = (value: JsonValue): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue;

function apply(body: { root: JsonValue }, { at, kind, key, value }: Change): void {
  const all = places(body as JsonObject);
  const [parent, name] = all[at % all.length] ?? [body as Parent, "root"];
  const there = (parent as Record<string, JsonValue>)[name];
  if (kind === "replace") set(parent, name, copy(value));
  else if (kind === "remove" && parent !== body && !Array.isArray(parent)) delete parent[name];
  else if (kind === "add" && typeof there === "object" && there !== null && !Array.isArray(there)) set(there as Parent, key, copy(value));
}

/** The body with up to four changes. */
export function changed(seed: JsonValue): fc.Arbitrary<JsonValue> {
  return fc.array(change, { maxLength: 4 }).map((changes) => {
    const body = { root: copy(seed) };
    for (const one of changes) apply(body, one);
    return body.root;
  });
}

/** A body that a JSON Schema of the route's allows; names tell what texts stand for. */
export function exampleOf(schema: JsonObject, known: Readonly<Record<string, string>>, name = ""): JsonValue {
  const first = (schema["enum"] as JsonValue[] | undefined)?.[0];
  if (first !== undefined) return first;
  const option = ((schema["anyOf"] ?? []) as JsonObject[]).find(({ type }) => type !== "null");
  if (option) return exampleOf(option, known, name);
  switch (schema["type"]) {
    case "object": {
      const properties = Object.entries((schema["properties"] ?? {}) as Record<string, JsonObject>);
      const values = schema["additionalProperties"] as JsonObject | undefined;
      const fields = properties.map(([key, field]) => [key, exampleOf(field, known, key)] as const);
      if (values) fields.push([known[name] ?? known["user_id"] ?? "x", exampleOf(values, known, name)]);
      return Object.fromEntries(fields);
    }
    case "array":
      return [exampleOf((schema["items"] ?? {}) as JsonObject, known, name.replace(/s$/, ""))];
    case "integer":
    case "number":
      return Math.max(1, Number(schema["minimum"] ?? 1));
    case "boolean":
      return true;
    case "string":
      return known[name] ?? "text";
  }
  return { text: ["text"] };
}
