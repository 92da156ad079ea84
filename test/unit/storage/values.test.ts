import fc from "fast-check";
import { driverTypes, encodeParam } from "../../../src/storage/values";

const parserOf = (oid: number) => (text: string) =>
  Object.values(driverTypes())
    .find((type) => type.to === oid)
    ?.parse(text) as unknown;

test.each([
  ["text", "a'b", "a'b"],
  ["a number", 12.5, "12.5"],
  ["a bigint", 2n ** 60n, "1152921504606846976"],
  ["true", true, "t"],
  ["false", false, "f"],
  ["null", null, null],
  ["undefined", undefined, null],
  ["bytes", new Uint8Array([0, 255]), "\\x00ff"],
  ["a view on part of a buffer", Buffer.from("abc").subarray(1), "\\x6263"],
  ["an empty array", [], "{}"],
  ["an array of text", ["a", "", "NULL", null, 'q"', "b\\", "{,}"], '{"a","","NULL",NULL,"q\\"","b\\\\","{,}"}'],
  ["an array of numbers", [1, null, -2], "{1,NULL,-2}"],
  ["an array of booleans", [true, undefined, false], "{t,NULL,f}"],
  ["an array of bytes", [new Uint8Array([1])], '{"\\\\x01"}'],
  ["a typed array", new Uint32Array([3, 4]), "{3,4}"],
] as const)("%s becomes text for the server", (_, value, expected) => {
  expect(encodeParam(value)).toBe(expected);
});

test("what an array parameter says is what an array column answers", () => {
  const parse = parserOf(1009);
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: "grapheme" }))), (values) => expect(parse(encodeParam(values) ?? "")).toEqual(values)),
  );
});

test("arrays of numbers answer numbers", () => {
  const parse = parserOf(1016);
  fc.assert(fc.property(fc.array(fc.option(fc.maxSafeInteger())), (values) => expect(parse(encodeParam(values) ?? "")).toEqual(values)));
});

test("integers past 2^53 are refused, in arrays too", () => {
  expect(parserOf(20)("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => parserOf(20)("9007199254740992")).toThrow(RangeError);
  expect(() => parserOf(1016)("{1,-9007199254740993}")).toThrow(RangeError);
  expect(parserOf(1700)("0.25")).toBe(0.25);
});
