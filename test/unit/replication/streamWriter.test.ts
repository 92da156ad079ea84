import { createStreamWriter } from "../../../src/replication/streamWriter";
import { LeaseLostError } from "../../../src/storage/databaseError";
import type { Fence } from "../../../src/storage/leases";
import { noDatabase, quietLog, receiptTable, testProcess } from "../../builders/replication";

async function setUp(options: { maxQueue?: number; maxBatch?: number; commit?: () => Promise<void>; fence?: () => Fence } = {}) {
  const table = receiptTable();
  const { streams } = testProcess({ defs: [table.stream] });
  await streams.start();
  const flushes: string[][] = [];
  const writer = createStreamWriter<string, { roomId: string; userId: string }>({
    stream: table.stream,
    db: {
      ...noDatabase,
      tx: async (fn) => {
        const result = await noDatabase.tx(fn);
        await options.commit?.();
        return result;
      },
    } as typeof noDatabase,
    streams,
    log: quietLog,
    ...options,
    insert: async (_tx, items, { fence }) => {
      flushes.push([...items]);
      if (fence?.epoch === 1 && items.includes("late")) throw new LeaseLostError("w1 no longer stands for receipts", "ST001");
      if (items.includes("bad")) throw new Error("bad item");
      return table.insert(...items.filter((item) => item !== "nothing").map((roomId) => ({ roomId, userId: "@u" })));
    },
  });
  return { writer, flushes, streams };
}

test("what is submitted during a flush shares the next one", async () => {
  const { writer, flushes, streams } = await setUp();
  const first = writer.submit("a");
  await Promise.resolve();
  await Promise.resolve();
  const rest = ["b", "c", "d"].map((item) => writer.submit(item));
  expect(await Promise.all([first, ...rest])).toEqual([1, 4, 4, 4]);
  expect(flushes).toEqual([["a"], ["b", "c", "d"]]);
  expect(streams.positions()).toEqual({ receipts: 4 });
});

test("a bad item fails alone", async () => {
  const { writer, flushes } = await setUp();
  const results = await Promise.allSettled(["a", "bad", "b"].map((item) => writer.submit(item)));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(flushes).toEqual([["a", "bad", "b"], ["a"], ["bad"], ["b"]]);
  expect(await writer.submit("c")).toBe(3);
});

test("items that may have been committed are not written again", async () => {
  const { writer, flushes } = await setUp({ commit: () => Promise.reject(new Error("connection lost")) });
  const results = await Promise.allSettled(["a", "b"].map((item) => writer.submit(item)));
  expect(results).toEqual([1, 2].map(() => ({ status: "rejected", reason: new Error("connection lost") })));
  expect(flushes.length).toBe(1);
});

test("an item with nothing to say gets the present position", async () => {
  const { writer } = await setUp();
  expect(await writer.submit("a")).toBe(1);
  expect(await writer.submit("nothing")).toBe(1);
});

test("batches and the queue are bounded", async () => {
  const { writer, flushes } = await setUp({ maxQueue: 3, maxBatch: 2 });
  const results = await Promise.allSettled(["a", "b", "c", "d"].map((item) => writer.submit(item)));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
  expect(flushes).toEqual([["a", "b"], ["c"]]);
  await writer.drain();
});

test("what waited while the leases ended fails, all of it at once, and is not written in another life", async () => {
  let epoch = 1;
  const { writer, flushes } = await setUp({ fence: () => ({ standsFor: "receipts", instance: "w1", epoch }) });
  const old = ["late", "a"].map((item) => writer.submit(item));
  epoch = 2;
  const results = await Promise.allSettled([...old, writer.submit("late"), writer.submit("b")]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled", "fulfilled"]);
  expect(flushes).toEqual([
    ["late", "a"],
    ["late", "b"],
  ]);
});
