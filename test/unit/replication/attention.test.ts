import { createAttention } from "../../../src/replication/attention";

const LINGER_MS = 10_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function setup() {
  const calls: string[] = [];
  const state = { awaited: false, known: (): void => undefined };
  const attention = createAttention({
    bus: { quicken: async () => void calls.push("quicken"), slacken: () => void calls.push("slacken") },
    clock: { monotonic: () => performance.now() },
    isAwaited: () => state.awaited,
    catchUp: () => {
      calls.push("catch up");
      return new Promise((resolve) => (state.known = resolve));
    },
  });
  return { attention, calls, state };
}

test("who is not asked slackens, and catches up before the next request", async () => {
  const { attention, calls, state } = setup();
  expect(attention.pay()).toBeUndefined();
  await jest.advanceTimersByTimeAsync(2 * LINGER_MS);
  expect(calls).toEqual(["slacken"]);
  let served = 0;
  const requests = [attention.pay(), attention.pay()].map((paid) => paid?.then(() => served++));
  await jest.advanceTimersByTimeAsync(1);
  expect(calls).toEqual(["slacken", "quicken", "catch up"]);
  expect(served).toBe(0);
  state.known();
  await Promise.all(requests);
  expect(served).toBe(2);
  expect(attention.pay()).toBeUndefined();
  await jest.advanceTimersByTimeAsync(3 * LINGER_MS);
  expect(calls).toEqual(["slacken", "quicken", "catch up", "slacken"]);
});

test("requests and those who wait for news keep it up", async () => {
  const { attention, calls, state } = setup();
  for (let i = 0; i < 20; i++) {
    await jest.advanceTimersByTimeAsync(LINGER_MS / 2);
    expect(attention.pay()).toBeUndefined();
  }
  state.awaited = true;
  await jest.advanceTimersByTimeAsync(5 * LINGER_MS);
  expect(calls).toEqual([]);
  state.awaited = false;
  await jest.advanceTimersByTimeAsync(LINGER_MS);
  expect(calls).toEqual(["slacken"]);
  attention.close();
});

test("a process that is alone knows all there is", async () => {
  const attention = createAttention({
    bus: undefined,
    clock: { monotonic: () => performance.now() },
    isAwaited: () => false,
    catchUp: () => Promise.reject(new Error("nobody to catch up with")),
  });
  await jest.advanceTimersByTimeAsync(5 * LINGER_MS);
  expect(attention.pay()).toBeUndefined();
});

test("a request is not held up for longer by a bus that is frozen", async () => {
  const attention = createAttention({
    bus: { quicken: () => new Promise(() => undefined), slacken: () => undefined },
    clock: { monotonic: () => performance.now() },
    isAwaited: () => false,
    catchUp: () => Promise.resolve(),
  });
  await jest.advanceTimersByTimeAsync(2 * LINGER_MS);
  let served = false;
  void attention.pay()?.then(() => (served = true));
  await jest.advanceTimersByTimeAsync(LINGER_MS);
  expect(served).toBe(true);
  attention.close();
});
