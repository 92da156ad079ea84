import { defineStream } from "../../../src/streams/defineStream";
import { streamOrder } from "../../../src/streams/order";
import { allStreams } from "../../../src/streams/registry";
import { tuple } from "../../../src/streams/tuple";

const row = tuple({ roomId: "string" });

test("lock keys differ by stream, fit a bigint that JavaScript holds exactly, and depend on the name alone", () => {
  const keys = streamOrder.map((name) => defineStream({ name, writer: "main", sharding: "single", row }).lockKey);
  expect(new Set(keys).size).toBe(keys.length);
  expect(keys.every(Number.isSafeInteger)).toBe(true);
  expect(defineStream({ name: "receipts", writer: "main", sharding: "single", row }).lockKey).toBe(91624422670736);
});

test("a stream in the database must say how to catch up", () => {
  expect(() => defineStream({ name: "receipts", writer: "receipts", sharding: "room", sequence: "s", row })).toThrow(/catchUp/);
});

test("a stream in memory has one writer", () => {
  expect(() => defineStream({ name: "typing", writer: "typing", sharding: "room", row })).toThrow(/one writer/);
});

test("the registry lists each stream once", () => {
  const names = allStreams.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
