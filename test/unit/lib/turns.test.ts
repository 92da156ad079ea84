import { createTurns } from "../../../src/lib/turns";

/** A clock that work moves on. */
function fakeClock() {
  let ms = 0;
  return { monotonic: () => ms, work: (spent: number) => (ms += spent) };
}

test("of work that waits some is done at once, and others get their turn in between", async () => {
  const clock = fakeClock();
  const turns = createTurns(clock);
  let [running, most, others, isOver] = [0, 0, 0, false];
  const count = (): void => {
    others++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const items = Array.from({ length: 100 }, (_, i) => i);
  const results = await turns.mapAsync(items, async (item) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    clock.work(1);
    running--;
    return item * 2;
  });
  isOver = true;
  expect(results).toEqual(items.map((item) => item * 2));
  expect(most).toBe(8);
  expect(others).toBeGreaterThanOrEqual(6);
});

test("little work is done in the turn in which it is asked for", async () => {
  const clock = fakeClock();
  const turns = createTurns(clock);
  expect(turns.breathe()).toBeUndefined();
  clock.work(9);
  expect(turns.breathe()).toBeUndefined();
  clock.work(1);
  const wait = turns.breathe();
  expect(wait).toBeInstanceOf(Promise);
  await wait;
  expect(turns.breathe()).toBeUndefined();
});

test("much work of many goes on in turn, a slice in each turn of the event loop", async () => {
  const clock = fakeClock();
  const turns = createTurns(clock);
  let loop = 0;
  let isOver = false;
  const count = (): void => {
    loop++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const spent = new Map<number, number>();
  const items = Array.from({ length: 100 }, (_, i) => i);
  const results = await Promise.all(
    Array.from({ length: 20 }, () =>
      turns.map(items, (item) => {
        clock.work(0.1);
        spent.set(loop, (spent.get(loop) ?? 0) + 0.1);
        return item * 2;
      }),
    ),
  );
  isOver = true;
  for (const result of results) expect(result).toEqual(items.map((item) => item * 2));
  expect(Math.max(...spent.values())).toBeLessThan(15);
  expect(spent.size).toBeGreaterThan(20);
});
