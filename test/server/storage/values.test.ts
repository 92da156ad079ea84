import { createTestDatabase, type TestDatabase } from "../../builders/database";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const awkward = [
  "",
  " ",
  "NULL",
  "null",
  'a "quote"',
  "back\\slash",
  "{braces}",
  "a,b",
  "new\nline",
  "tab\t",
  "ü€😀",
  "'",
  "\\x00",
  "\u2028",
];

test("text keeps every character", async () => {
  for (const text of awkward) {
    const rows = await database.db<{ text: string }>`select ${text}::text as text`;
    expect(rows).toEqual([{ text }]);
  }
});

test("arrays of text keep every element and null", async () => {
  const values = [null, ...awkward, undefined];
  const [row] = await database.db`select ${values}::text[] as values, cardinality(${values}::text[]) as count`;
  expect(row).toEqual({ values: [null, ...awkward, null], count: values.length });
});

test("empty arrays of each type", async () => {
  const [row] =
    await database.db`select ${[]}::text[] as t, ${[]}::int8[] as i, ${[]}::bool[] as b, ${[]}::bytea[] as y, ${[]}::jsonb[] as j`;
  expect(row).toEqual({ t: [], i: [], b: [], y: [], j: [] });
});

test("arrays of numbers, booleans, bytes and JSON", async () => {
  const bytes = Buffer.from([0, 1, 34, 92, 255]);
  const [row] = await database.db`
    select ${[1, null, -5, 2 ** 53 - 1]}::int8[] as i, ${[null, true, false]}::bool[] as b, ${[bytes, null]}::bytea[] as y,
           ${['{"a":["b\\"c"]}', null, "1"]}::jsonb[] as j, ${[0.5, 1e300]}::float8[] as f, ${new Uint32Array([7, 4294967295])}::int8[] as u`;
  expect(row).toEqual({
    i: [1, null, -5, 2 ** 53 - 1],
    b: [null, true, false],
    y: [bytes, null],
    j: [{ a: ['b"c'] }, null, 1],
    f: [0.5, 1e300],
    u: [7, 4294967295],
  });
});

test("nested arrays and arrays with other bounds", async () => {
  const [row] = await database.db`select array[array['a','NULL'],array['{','"']] as nested, '[0:1]={7,8}'::int[] as bounds`;
  expect(row).toEqual({
    nested: [
      ["a", "NULL"],
      ["{", '"'],
    ],
    bounds: [7, 8],
  });
});

test("scalars", async () => {
  const bytes = Buffer.from("00ff5c22", "hex");
  const [row] = await database.db`
    select ${5}::int4 as i, ${2 ** 53 - 1}::int8 as big, ${12345678901234n}::int8 as bigint, ${true}::bool as yes, ${false}::bool as no,
           ${null}::text as nothing, ${undefined}::int8 as missing, ${1.5}::float8 as f, ${bytes}::bytea as bytes, count(*) as count,
           sum(x) as sum, 1.25::numeric as n, decode('6162', 'hex') as literal
    from generate_series(1, 4::int8) x`;
  expect(row).toEqual({
    i: 5, big: 2 ** 53 - 1, bigint: 12345678901234, yes: true, no: false, nothing: null, missing: null, f: 1.5, bytes, count: 4, sum: 10,
    n: 1.25, literal: Buffer.from("ab"),
  }); // prettier-ignore
});

test("JSON text goes in as it is and comes out parsed", async () => {
  const text = '{"b":1,"a":{"c":[null,true,"\\"x\\""]}}';
  const [row] =
    await database.db`select ${text}::jsonb as b, ${text}::json as j, ${text}::text as t, ${"null"}::jsonb as n, ${'"s"'}::jsonb as s`;
  expect(row).toEqual({ b: JSON.parse(text), j: JSON.parse(text), t: text, n: null, s: "s" });
});

test("int8 past 2^53 is an error and leaves the connection usable", async () => {
  await expect(database.db`select 9007199254740993::int8 as n from generate_series(1, 3)`).rejects.toThrow("past 2^53");
  await expect(database.db`select sum(9007199254740993::int8) as n`).rejects.toThrow("past 2^53");
  await expect(database.db.tx(async (tx) => Promise.all([tx`select 9007199254740993 as n`, tx`select 1 as n`]))).rejects.toThrow(
    "past 2^53",
  );
  expect(await database.db`select 1 as n`).toEqual([{ n: 1 }]);
});

test("U+0000 in text is refused, in JSON text it stays escaped", async () => {
  await expect(database.db`select ${"a\0b"}::text`).rejects.toMatchObject({ code: "22021", message: expect.stringContaining("U+0000") });
  await expect(database.db`select ${["a\0b"]}::text[]`).rejects.toMatchObject({ code: "22021" });
  const json = JSON.stringify({ body: "a\0b" });
  expect(await database.db`select ${json}::text as json`).toEqual([{ json }]);
});

test("objects and nested arrays are no parameters", async () => {
  const value = { a: 1 } as unknown as string;
  await expect(database.db`select ${value}::jsonb`).rejects.toThrow(TypeError);
  await expect(database.db`select ${[value]}::jsonb[]`).rejects.toThrow(TypeError);
});

test("a statement may run with other values, other null-ness and other lengths", async () => {
  const find = (ids: (string | null)[], n: number | null) => database.db`select cardinality(${ids}::text[]) as c, ${n}::int8 as n`;
  const all = await Promise.all([find([], null), find(["a"], 1), find([null, "b"], 2), find(["c"], null)]);
  expect(all).toEqual([[{ c: 0, n: null }], [{ c: 1, n: 1 }], [{ c: 2, n: 2 }], [{ c: 1, n: null }]]);
});

test("a long text and many rows", async () => {
  const text = "ä".repeat(300_000);
  const [row] = await database.db`select ${text}::text as text`;
  expect(row?.["text"] === text).toBe(true);
  const rows = await database.db<{ n: number; t: string }>`select n, repeat('x', 700) as t from generate_series(1, 20000) n`;
  expect(rows.length).toBe(20_000);
  expect(rows[19_999]?.n).toBe(20_000);
});
