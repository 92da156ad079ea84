import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createMetrics } from "../../../src/observe/metrics";
import { createRedisBus } from "../../../src/replication/redisBus";
import { createSharedCaches } from "../../../src/replication/sharedCache";
import { eventually } from "../../builders/eventually";
import { startTestRedis } from "../../builders/redis";
import type { TestRedis } from "../../builders/redis";
import { quietLog } from "../../builders/replication";

let redis: TestRedis;
const open: (() => unknown)[] = [];
beforeAll(async () => (redis = await startTestRedis()));
afterEach(async () => void (await Promise.all(open.splice(0).map((close) => close()))));
afterAll(() => redis.stop());

/** The caches of one process of a homeserver. */
async function process(server = "a.test") {
  const bus = createRedisBus({ config: redis.config, log: quietLog, random: systemRandom, pingMs: 50, pongMs: 2_000 });
  open.push(() => bus.close());
  await eventually(() => bus.connected());
  const metrics = createMetrics(server);
  const cache = createSharedCaches({ store: bus.store, keyPrefix: `${server}/`, clock: systemClock, metrics }).named("things");
  return { bus, cache, metrics };
}

test("what one process keeps another finds for a while, and another homeserver at the same Redis never", async () => {
  const [one, other, foreign] = [await process(), await process(), await process("b.test")];
  one.cache.set("k", { answer: "ü" }, 60_000);
  one.cache.set("short", { answer: 1 }, 10);
  await eventually(async () => (await other.cache.get("k")) !== undefined);
  expect(await other.cache.get("k")).toEqual({ answer: "ü" });
  expect(await foreign.cache.get("k")).toBeUndefined();
  await eventually(async () => (await other.cache.get("short")) === undefined);
  expect(await foreign.metrics.text()).toMatch(/synapse_external_cache_get_total\{cache_name="things",hit="False"[^}]*\} 1/);
  expect(await one.metrics.text()).toMatch(/synapse_external_cache_set_total\{cache_name="things"[^}]*\} 2/);
});

test("a Redis that is frozen or away, and nonsense in it, count as knowing nothing", async () => {
  const { bus, cache } = await process();
  bus.store?.set("a.test/things:k", "no JSON", 60_000);
  expect(await cache.get("k")).toBeUndefined();
  redis.freeze();
  expect(await cache.get("k")).toBeUndefined();
  redis.thaw();
  await redis.kill();
  cache.set("k", {}, 60_000);
  expect(await cache.get("k")).toBeUndefined();
  await redis.restart();
  await eventually(async () => {
    cache.set("k", { back: true }, 60_000);
    return (await cache.get("k")) !== undefined;
  });
});

test("a process that is alone keeps nothing", async () => {
  const cache = createSharedCaches({ store: undefined, keyPrefix: "", clock: systemClock, metrics: createMetrics("a.test") }).named(
    "things",
  );
  cache.set("k", {}, 1_000);
  expect(await cache.get("k")).toBeUndefined();
});
