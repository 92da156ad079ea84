import { Lane } from "../../../src/replication/lane";
import { eventually } from "../../builders/eventually";

/** A lane whose batches end when they are told to. */
function laneOf(options: { readonly batch: number; readonly parallel: number; readonly lingerMs?: number }) {
  const begun: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const lane = new Lane<number>({
    ...options,
    run: (items) => {
      begun.push(items);
      return new Promise((resolve) => ends.push(resolve));
    },
  });
  const push = async (...items: readonly number[]): Promise<void> => {
    for (const item of items) lane.push(item);
    await new Promise(setImmediate);
  };
  const end = async (i: number): Promise<void> => {
    ends[i]?.();
    await new Promise(setImmediate);
  };
  return { begun, push, end };
}

test("what comes in one turn travels together, and what comes later beside it as far as that may be", async () => {
  const { begun, push, end } = laneOf({ batch: 2, parallel: 2 });
  await push(1, 2, 3);
  await push(4);
  await push(5);
  expect(begun).toEqual([[1, 2], [3]]);
  await end(1);
  expect(begun).toEqual([[1, 2], [3], [4, 5]]);
});

test("who lingers goes when the batch before is back, when the next is full, or after a while", async () => {
  const { begun, push, end } = laneOf({ batch: 3, parallel: 4, lingerMs: 60_000 });
  await push(1);
  await push(2);
  await push(3);
  expect(begun).toEqual([[1]]);
  await end(0);
  expect(begun).toEqual([[1], [2, 3]]);
  await push(4, 5, 6, 7);
  expect(begun).toEqual([[1], [2, 3], [4, 5, 6]]);

  const hasty = laneOf({ batch: 3, parallel: 2, lingerMs: 1 });
  await hasty.push(1);
  await hasty.push(2);
  await eventually(() => hasty.begun.length === 2);
  await hasty.push(3);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hasty.begun).toEqual([[1], [2]]);
});
