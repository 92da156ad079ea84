import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../../src/lib/version";
import { newContext, runInContext } from "../../../src/observe/context";
import { createBackground } from "../../../src/observe/background";
import type { Logger } from "../../../src/observe/logger";
import { monitorEventLoop } from "../../../src/observe/eventLoop";
import { createMetrics } from "../../../src/observe/metrics";
import { exposeProcess } from "../../../src/observe/processMetrics";
import { createStorageMetrics } from "../../../src/observe/storageMetrics";
import { systemClock } from "../../../src/lib/clock";

test("the version is that of the package", () => {
  const { version } = JSON.parse(readFileSync(join(__dirname, "../../../package.json"), "utf8")) as { version: string };
  expect(VERSION).toBe(version);
});

test("counters, gauges and histograms are exposed as they stand", async () => {
  const metrics = createMetrics("example.org");
  const counter = metrics.counter({ name: "a_total", help: "A", labels: ["kind"] });
  counter.cell('x"y\n').value += 2;
  counter.cell('x"y\n').value++;
  metrics.gauge({ name: "b", help: "B" }).cell().value = -1;
  metrics.computed("gauge", { name: "c", help: "C", labels: ["l", "m"] }, () => [{ labels: ["1", "2"], value: 5 }]);
  const histogram = metrics.histogram({ name: "d", help: "D", labels: ["l"], buckets: [1, 2] }).cell("z");
  for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value);
  const text = await metrics.text();
  const server = 'server_name="example.org"';
  expect(text.split("\n").filter((line) => /^[abcd]/.test(line))).toEqual([
    `a_total{kind="x\\"y\\n",${server}} 3`,
    `b{${server}} -1`,
    `c{l="1",m="2",${server}} 5`,
    `d_bucket{l="z",le="1",${server}} 2`,
    `d_bucket{l="z",le="2",${server}} 3`,
    `d_bucket{l="z",le="+Inf",${server}} 4`,
    `d_sum{l="z",${server}} 12`,
    `d_count{l="z",${server}} 4`,
  ]);
  expect(text).toContain("# TYPE a_total counter");
  expect(() => metrics.counter({ name: "a_total", help: "again" })).toThrow("already been registered");
});

test("Synapse's names for caches, storage, the process and background work", async () => {
  const metrics = createMetrics("example.org");
  metrics.watchCache({ name: "getEvent", hits: 3, misses: 1, evictions: 2, size: () => 7, max: 10 });
  const storage = createStorageMetrics(metrics);
  const context = newContext("GET-1", "X");
  runInContext(context, () => storage.query("SELECT", 5, 1));
  storage.query("VACUUM", 1000, 0);
  storage.transaction("persist_events", 20);
  expect([context.dbCount, context.dbTimeMs, context.dbWaitMs]).toEqual([1, 5, 1]);
  const errors: string[] = [];
  const logger = { error: (message: string) => errors.push(message) } as unknown as Logger;
  const done = new Promise<void>((resolve) => {
    createBackground(
      () => logger,
      metrics,
      systemClock,
    )("purge", async () => {
      storage.query("SELECT", 5, 1);
      setImmediate(resolve);
      throw new Error("no");
    });
  });
  await done;
  const monitor = exposeProcess(metrics, systemClock);
  const text = await metrics.text();
  monitor.stop();
  for (const line of [
    'synapse_util_caches_cache{name="getEvent",server_name="example.org"} 4',
    'synapse_util_caches_cache_hits{name="getEvent",server_name="example.org"} 3',
    'synapse_util_caches_cache_size{name="getEvent",server_name="example.org"} 7',
    'synapse_util_caches_cache_evicted_size{name="getEvent",reason="size",server_name="example.org"} 2',
    'synapse_storage_query_time_bucket{verb="OTHER",le="1",server_name="example.org"} 1',
    'synapse_storage_transaction_time_count_total{desc="persist_events",server_name="example.org"} 1',
    'synapse_background_process_start_count{name="purge",server_name="example.org"} 1',
    'synapse_background_process_db_txn_count{name="purge",server_name="example.org"} 1',
    'synapse_background_process_in_flight_count{name="purge",server_name="example.org"} 0',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(errors).toEqual(["Background process 'purge' threw an exception"]);
  const names = [
    "process_cpu_user_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
  ];
  for (const name of [...names, "python_twisted_reactor_tick_time_bucket", "synapse_build_info"])
    expect(text).toMatch(new RegExp(`^${name}\\{`, "m"));
});

test("a blocked event loop shows, for as long as anybody might ask", async () => {
  const time = { ms: 0, step: 500 };
  const clock = { now: () => time.ms, monotonic: () => (time.ms += time.step) };
  const delay = await new Promise<number>((resolve) => {
    const monitor = monitorEventLoop(clock, (delayMs) => {
      expect(monitor.worstDelay()).toBe(delayMs);
      monitor.stop();
      resolve(delayMs);
    });
    // The monitor's timer does not keep the process alive; this one does.
    setTimeout(() => undefined, 5_000).unref();
  });
  expect(delay).toBe(400);
});

test("a standstill is known before any timer fires, and what is shorter is none", () => {
  const time = { ms: 0 };
  const monitor = monitorEventLoop({ now: () => time.ms, monotonic: () => time.ms }, () => undefined);
  time.ms = 2_000;
  expect(monitor.wokeAt()).toBe(-Infinity);
  time.ms = 10_000;
  expect(monitor.wokeAt()).toBe(10_000);
  monitor.stop();
});
