import { createResponseCache } from "../../../src/handlers/sync/responseCache";
import type { EndSignal } from "../../../src/lib/ending";

const never = new AbortController().signal;

/** Work that ends when told. */
function task() {
  const signals: EndSignal[] = [];
  let end: (made: { value: number; keep: boolean }) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const work = (signal: EndSignal) =>
    new Promise<{ value: number; keep: boolean }>((resolve, reject) => {
      signals.push(signal);
      [end, fail] = [resolve, reject];
    });
  return { work, signals, end: (value: number, keep = true) => end({ value, keep }), fail: (error: Error) => fail(error) };
}

test("equal requests share an answer, also one that was made lately", async () => {
  let time = 0;
  const cache = createResponseCache(1_000, () => time);
  const first = task();
  const answers = [cache.answer("a", never, first.work), cache.answer("a", never, first.work)];
  const other = task();
  const different = cache.answer("b", never, other.work);
  first.end(1);
  other.end(2);
  expect(await Promise.all([...answers, different])).toEqual([1, 1, 2]);
  expect(first.signals).toHaveLength(1);
  expect(await cache.answer("a", never, task().work)).toBe(1);
  time = 1_000;
  const later = task();
  const fresh = cache.answer("a", never, later.work);
  later.end(3);
  expect(await fresh).toBe(3);
});

test("what says nothing is shared, but not kept; failures neither", async () => {
  const cache = createResponseCache(1_000, () => 0);
  const empty = task();
  const answer = cache.answer("a", never, empty.work);
  empty.end(1, false);
  expect(await answer).toBe(1);
  const failing = task();
  const refused = cache.answer("a", never, failing.work);
  failing.fail(new Error("no"));
  await expect(refused).rejects.toThrow("no");
  const next = task();
  const good = cache.answer("a", never, next.work);
  next.end(2);
  expect(await good).toBe(2);
});

test("the work goes on as long as anybody waits for it", async () => {
  const cache = createResponseCache(1_000, () => 0);
  const work = task();
  const [one, two] = [new AbortController(), new AbortController()];
  const answers = [cache.answer("a", one.signal, work.work), cache.answer("a", two.signal, work.work)];
  one.abort();
  expect(work.signals[0]?.aborted).toBe(false);
  two.abort();
  expect(work.signals[0]?.aborted).toBe(true);
  // Nobody gets what was broken off.
  const again = task();
  const fresh = cache.answer("a", never, again.work);
  work.end(1);
  again.end(2);
  expect(await fresh).toBe(2);
  expect(await Promise.all(answers)).toEqual([1, 1]);
  expect(await cache.answer("a", never, task().work)).toBe(2);
});

test("without a time to keep them nothing is shared", async () => {
  const cache = createResponseCache(0, () => 0);
  const works = [task(), task()];
  const answers = works.map(({ work }) => cache.answer("a", never, work));
  works.forEach(({ end }, i) => end(i));
  expect(await Promise.all(answers)).toEqual([0, 1]);
});

test("answers are let go of when their time is over, and the oldest when there are many", async () => {
  jest.useFakeTimers();
  try {
    const cache = createResponseCache(1_000, () => Date.now());
    const made = async (key: string): Promise<boolean> => {
      const work = jest.fn(() => Promise.resolve({ value: key, keep: true }));
      expect(await cache.answer(key, never, work)).toBe(key);
      return work.mock.calls.length === 0;
    };
    await made("first");
    jest.advanceTimersByTime(600);
    await made("second");
    expect(await made("first")).toBe(true);
    jest.advanceTimersByTime(600);
    expect(await made("second")).toBe(true);
    expect(await made("first")).toBe(false);
    for (let i = 0; i < 100; i++) await made(`other ${i}`);
    expect(await made("other 0")).toBe(true);
    expect(await made("second")).toBe(false);
    jest.advanceTimersByTime(3_000);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
