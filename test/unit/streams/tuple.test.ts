import { tuple } from "../../../src/streams/tuple";

const codec = tuple({ roomId: "string", threadId: "string?", count: "int", at: "int?", on: "bool", data: "json" });

test("rows survive the wire", () => {
  const row = { roomId: "!r", threadId: null, count: 3, at: 4, on: false, data: { a: [1] } };
  const wire = codec.encode(row);
  expect(wire).toEqual(["!r", null, 3, 4, false, { a: [1] }]);
  expect(codec.decode(JSON.parse(JSON.stringify(wire)))).toEqual(row);
});

test("fields at the end that one side doesn't know yet do no harm", () => {
  const older = tuple({ roomId: "string" });
  const newer = tuple({ roomId: "string", threadId: "string?" });
  expect(older.decode(newer.encode({ roomId: "!r", threadId: "main" }))).toEqual({ roomId: "!r" });
  expect(newer.decode(older.encode({ roomId: "!r" }))).toEqual({ roomId: "!r", threadId: null });
});

test.each([
  ["a number for a string", [1, null, 3, 4, false, null], /roomId/],
  ["null where it is not allowed", ["!r", null, null, 4, false, null], /count/],
  ["a fraction", ["!r", null, 0.5, 4, false, null], /count/],
  ["a string for a boolean", ["!r", null, 3, 4, "false", null], /on/],
])("%s is refused", (_, wire, message) => {
  expect(() => codec.decode(wire)).toThrow(message);
});

test("decoding can start later in the array", () => {
  expect(tuple({ a: "int" }).decode([17, 4], 1)).toEqual({ a: 4 });
});
