import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemRandom } from "../../../src/lib/random";
import type { Bus } from "../../../src/replication/bus";
import { createRedisBus } from "../../../src/replication/redisBus";
import { eventually } from "../../builders/eventually";
import { freePort, startTestRedis } from "../../builders/redis";
import { selfSigned } from "../../builders/selfSigned";
import type { TestRedis } from "../../builders/redis";
import { quietLog, receiptTable, testProcess } from "../../builders/replication";

let redis: TestRedis;
const open: (() => unknown)[] = [];
beforeAll(async () => (redis = await startTestRedis()));
afterEach(async () => void (await Promise.all(open.splice(0).map((close) => close()))));
afterAll(() => redis.stop());

function newBus(): Bus {
  const bus = createRedisBus({ config: redis.config, log: quietLog, random: systemRandom, pingMs: 50, pongMs: 200 });
  open.push(() => bus.close());
  return bus;
}

async function process(instance: string, table: ReturnType<typeof receiptTable>) {
  const bus = newBus();
  const { streams } = testProcess({ defs: [table.stream], bus, instance });
  open.push(() => streams.stop());
  const ids: number[] = [];
  streams.subscribe(table.stream, (rows) => ids.push(...rows.map(({ id }) => id)));
  await streams.start();
  await eventually(() => bus.connected());
  return { bus, streams, ids };
}

const row = (n: number) => ({ roomId: `!r${n}`, userId: "@u" });

test("messages reach other buses and not the one that sent them", async () => {
  const [a, b] = [newBus(), newBus()];
  const got: string[] = [];
  a.subscribe("x", (text) => got.push(`a ${text}`));
  b.subscribe("x", (text) => got.push(`b ${text}`));
  await eventually(() => a.connected() && b.connected());
  a.publish("x", "from a ü\n");
  b.publish("x", "from b");
  await eventually(() => got.length === 2);
  expect(got.sort()).toEqual(["a from b", "b from a ü\n"]);
});

test("what is delivered lies at the others, and nobody waits for a Redis that is away", async () => {
  const [a, b] = [newBus(), newBus()];
  const got: string[] = [];
  b.subscribe("x", (text) => got.push(text));
  await eventually(() => {
    a.publish("x", "first");
    return a.connected() && got.length > 0;
  });
  for (let i = 0; i < 100; i++) {
    a.publish("x", `${i}`);
    await a.delivered();
    // As a request does that comes right after another one.
    b.rouse?.();
    if (b.rouse?.()) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(got.at(-1)).toBe(`${i}`);
  }
  await redis.kill();
  await eventually(() => !a.connected());
  await a.delivered();
  await redis.restart();
});

test("while much is said it is heard a few times a second, at once by who waits for it, and none is lost or torn", async () => {
  const [a, b] = [newBus(), newBus()];
  const long = "ü".repeat(200_000);
  const turns: number[] = [];
  const got: string[] = [];
  let ready = false;
  b.subscribe("ready", () => (ready = true));
  b.subscribe("x", (text) => {
    got.push(text);
    turns.push(performance.now());
  });
  await eventually(() => {
    a.publish("ready", "");
    return ready;
  });
  for (let i = 0; i < 60; i++) {
    a.publish("x", i % 20 === 19 ? long + String(i) : String(i));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await eventually(() => got.length === 60);
  expect(got.map((text) => Number(text.replaceAll("ü", "")))).toEqual([...got.keys()]);
  // Of those that came alone some were read with others.
  const together = turns.filter((turn, i) => i > 0 && turn - (turns[i - 1] ?? 0) < 0.5).length;
  expect(together).toBeGreaterThan(10);

  const done = b.expect?.();
  a.publish("x", "60");
  a.publish("x", "61");
  await eventually(() => got.length === 62);
  done?.();
});

test("Redis is reached over TLS and over a unix socket, with a password", async () => {
  const port = await freePort();
  const { cert, key } = selfSigned();
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-redis-tls-"));
  open.push(() => rmSync(folder, { recursive: true }));
  const [path, certificate_file, private_key_file] = ["redis.sock", "tls.crt", "tls.key"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(certificate_file, cert);
  writeFileSync(private_key_file, key);
  const tls = ["--tls-port", String(port), "--tls-cert-file", certificate_file, "--tls-key-file", private_key_file];
  const more = ["--tls-auth-clients", "no", "--tls-ca-cert-file", certificate_file, "--unixsocket", path, "--requirepass", "secret"];
  const server = await startTestRedis(() => [...tls, ...more]);
  open.push(() => server.stop());
  const secret = { password: "secret" };
  const configs = [
    { ...server.config, ...secret, port, use_tls: true, ca_file: certificate_file },
    { ...server.config, ...secret, path },
  ];
  const buses = configs.map((config) => {
    const bus = createRedisBus({ config, log: quietLog, random: systemRandom });
    open.push(() => bus.close());
    return bus;
  });
  const got = new Set<string>();
  for (const [i, bus] of buses.entries()) bus.subscribe("x", (text) => got.add(`${i} ${text}`));
  await eventually(() => {
    for (const [i, bus] of buses.entries()) bus.publish("x", `from ${i}`);
    return got.size === 2;
  });
  expect([...got].sort()).toEqual(["0 from 1", "1 from 0"]);
});

test("channels can come and go while connected", async () => {
  const [a, b] = [newBus(), newBus()];
  await eventually(() => a.connected() && b.connected());
  const got: string[] = [];
  const stop = b.subscribe("late", (text) => got.push(text));
  await eventually(() => {
    a.publish("late", "hello");
    return got.length > 0;
  });
  stop();
  b.subscribe("end", (text) => got.push(text));
  a.publish("late", "ignored");
  await eventually(() => {
    a.publish("end", "end");
    return got.includes("end");
  });
  expect(got).not.toContain("ignored");
});

test("rows travel, and in a multi-writer deployment everyone applies everything in order", async () => {
  const table = receiptTable();
  const processes = [await process("w1", table), await process("w2", table), await process("w3", table)];
  for (let i = 0; i < 60; i++) {
    processes[i % 2]?.streams.publish(table.stream, table.insert(row(i), row(i)));
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const expected = table.rows.map(({ id }) => id);
  for (const { streams, ids } of processes) {
    expect(await streams.waitFor({ receipts: 120 }, 20_000)).toBe(true);
    expect(ids).toEqual(expected);
  }
});

test("Redis is killed: news go on through the database; it comes back: through Redis", async () => {
  const table = receiptTable();
  const [w1, w2] = [await process("w1", table), await process("w2", table)];
  await redis.kill();
  w1.streams.publish(table.stream, table.insert(row(1)));
  await eventually(() => w2.ids.length === 1);
  expect(w2.bus.connected()).toBe(false);
  await redis.restart();
  await eventually(() => w1.bus.connected() && w2.bus.connected());
  const reads = table.reads.length;
  w1.streams.publish(table.stream, table.insert(row(2)));
  await eventually(() => w2.ids.length === 2);
  expect(table.reads.length).toBe(reads);
  expect(w2.ids).toEqual([1, 2]);
});

test("a Redis that answers nothing counts as lost", async () => {
  const table = receiptTable();
  const [w1, w2] = [await process("w1", table), await process("w2", table)];
  redis.freeze();
  try {
    await eventually(() => !w1.bus.connected() && !w2.bus.connected());
    w1.streams.publish(table.stream, table.insert(row(1)));
    await eventually(() => w2.ids.length === 1);
  } finally {
    redis.thaw();
  }
  await eventually(() => w1.bus.connected() && w2.bus.connected());
});

test("a process starts while Redis is away", async () => {
  const table = receiptTable();
  table.insert(row(1));
  await redis.kill();
  const bus = newBus();
  const { streams } = testProcess({ defs: [table.stream], bus, instance: "w1" });
  open.push(() => streams.stop());
  await streams.start();
  expect(streams.positions()).toEqual({ receipts: 1 });
  await redis.restart();
  await eventually(() => bus.connected());
});
