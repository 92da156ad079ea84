import { createOriginPace } from "../../../src/handlers/federation/originPace";

const limits = { window_size: 1_000, sleep_limit: 100, sleep_delay: 20, reject_limit: 100, concurrent: 100 };
let now = 0;
const clock = { now: () => now, monotonic: () => now };
const paceOf = (changes: Partial<typeof limits>) => createOriginPace({ config: { rc_federation: { ...limits, ...changes } }, clock });

/** Work that lasts until it is told to end. */
function held() {
  const ends: (() => void)[] = [];
  return { work: () => new Promise<void>((resolve) => ends.push(resolve)), running: () => ends.length, end: () => ends.shift()?.() };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("so many of a server's requests are worked on at once, the others in their order, and those of other servers beside them", async () => {
  const pace = paceOf({ concurrent: 2 });
  const order: string[] = [];
  const { work, running, end } = held();
  const one = (origin: string, name: string) => pace.run(origin, () => (order.push(name), work()));
  const all = [one("a", "a1"), one("a", "a2"), one("a", "a3"), one("a", "a4"), one("b", "b1")];
  await turn();
  expect(order).toEqual(["a1", "a2", "b1"]);
  while (running() > 0) {
    end();
    await turn();
  }
  await Promise.all(all);
  expect(order).toEqual(["a1", "a2", "b1", "a3", "a4"]);
});

test("where too many wait, more are refused, until some are done", async () => {
  const pace = paceOf({ concurrent: 1, reject_limit: 1 });
  const { work, end } = held();
  const first = pace.run("a", work);
  const waiting = [pace.run("a", async () => undefined), pace.run("a", async () => undefined)];
  await expect(pace.run("a", async () => undefined)).rejects.toMatchObject({
    status: 429,
    errcode: "M_LIMIT_EXCEEDED",
    extra: { retry_after_ms: 10 },
  });
  end();
  await Promise.all([first, ...waiting]);
  expect(await pace.run("a", async () => "done")).toBe("done");
});

test("whoever asked often within the window is served later, and at once when it is over", async () => {
  const pace = paceOf({ sleep_limit: 1 });
  const order: string[] = [];
  const one = (origin: string, name: string) => pace.run(origin, async () => void order.push(name));
  await Promise.all([one("a", "a1"), one("a", "a2"), one("b", "b1")]);
  expect(order).toEqual(["a1", "b1", "a2"]);
  now += 1_000;
  await Promise.all([one("a", "a3"), one("b", "b2")]);
  expect(order.slice(3)).toEqual(["a3", "b2"]);
});

test("work that fails gives its place back", async () => {
  const pace = paceOf({ concurrent: 1 });
  const failing = pace.run("a", () => Promise.reject(new Error("no")));
  const next = pace.run("a", async () => "next");
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe("next");
});
