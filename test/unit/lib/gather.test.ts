import { createGather } from "../../../src/lib/gather";

/** Serves a group when told to, and notes what it was. */
function deferred(): { serve: (items: readonly number[]) => Promise<number[]>; groups: number[][]; go: (() => void)[] } {
  const groups: number[][] = [];
  const go: (() => void)[] = [];
  const serve = async (items: readonly number[]): Promise<number[]> => {
    groups.push([...items]);
    await new Promise<void>((resolve) => go.push(resolve));
    if (items.includes(13)) throw new Error("bad luck");
    return items.map((item) => item * 10);
  };
  return { serve, groups, go };
}
const turn = (): Promise<void> => new Promise(setImmediate);

test("what comes while others are served is served together, so many at most", async () => {
  const { serve, groups, go } = deferred();
  const gather = createGather(serve, 3);
  const results = [1, 2, 3, 4, 5].map((item) => gather(item));
  expect(groups).toEqual([[1]]);
  for (let i = 0; i < 3; i++) {
    go[i]?.();
    await turn();
  }
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50]);
  expect(groups).toEqual([[1], [2, 3, 4], [5]]);
  const later = gather(6);
  go[3]?.();
  expect(await later).toBe(60);
});

test("one that cannot be served fails alone", async () => {
  const { serve, groups, go } = deferred();
  const gather = createGather(serve, 10);
  const results = Promise.allSettled([1, 2, 13, 4].map((item) => gather(item)));
  for (let i = 0; i < 5; i++) {
    go[i]?.();
    await turn();
  }
  expect((await results).map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)))).toEqual([
    10,
    20,
    "Error: bad luck",
    40,
  ]);
  expect(groups).toEqual([[1], [2, 13, 4], [2], [13], [4]]);
});
