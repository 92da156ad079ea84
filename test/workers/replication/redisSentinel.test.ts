import { writeFileSync } from "node:fs";
import { createClient } from "redis";
import type { RedisConfig } from "../../../src/config/types.generated";
import { systemRandom } from "../../../src/lib/random";
import type { Bus } from "../../../src/replication/bus";
import { createRedisBus } from "../../../src/replication/redisBus";
import { eventually } from "../../builders/eventually";
import { startTestRedis } from "../../builders/redis";
import type { TestRedis } from "../../builders/redis";
import { quietLog } from "../../builders/replication";

const MASTER = "synapse";
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function newRedis(further?: (directory: string) => readonly string[]): Promise<TestRedis> {
  const redis = await startTestRedis(further);
  open.push(() => redis.stop());
  return redis;
}

function newBus(config: RedisConfig): Bus {
  const bus = createRedisBus({ config, log: quietLog, random: systemRandom, pingMs: 100, pongMs: 1_000 });
  open.push(() => bus.close());
  return bus;
}

async function command({ config: { host, port } }: TestRedis, ...words: readonly string[]): Promise<unknown> {
  const client = createClient({ socket: { host, port } });
  try {
    await client.connect();
    return await client.sendCommand([...words]);
  } finally {
    client.destroy();
  }
}

/** Until what one says reaches the other. */
async function talk(from: Bus, to: Bus): Promise<void> {
  let heard = false;
  const stop = to.subscribe("x", () => (heard = true));
  await eventually(() => {
    from.publish("x", "hello");
    return heard;
  }, 30_000);
  stop();
}

test("a user of the access control list may say and hear what its channels allow", async () => {
  const redis = await newRedis();
  await command(redis, "ACL", "SETUSER", "synapse", "on", ">secret", "resetchannels", "&*", "+@pubsub", "+@connection", "+ping");
  await command(redis, "ACL", "SETUSER", "default", "off");
  const config = { ...redis.config, username: "synapse", password: "secret" };
  await talk(newBus(config), newBus(config));
  const stranger = newBus({ ...config, password: "wrong" });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(stranger.connected()).toBe(false);
});

test("when the server that the sentinels name dies or hands over, processes meet at the next one", async () => {
  const first = await newRedis(() => ["--repl-diskless-sync-delay", "0"]);
  const second = await newRedis(() => ["--replicaof", "127.0.0.1", String(first.config.port)]);
  // A sentinel asks rarely, and chooses nobody whose copy was not complete when it last did.
  await eventually(async () => JSON.stringify(await command(second, "ROLE")).includes("connected"));
  const sentinel = await newRedis((directory) => {
    const file = `${directory}/sentinel.conf`;
    const options = ["down-after-milliseconds synapse 500", "failover-timeout synapse 3000"];
    const lines = [`monitor ${MASTER} 127.0.0.1 ${first.config.port} 1`, ...options];
    writeFileSync(file, lines.map((line) => `sentinel ${line}\n`).join(""));
    return [file, "--sentinel"];
  });
  const { host, port } = sentinel.config;
  const nowhere = { host, port: 1 };
  const config = { ...first.config, port: 1, sentinel: { master: MASTER, nodes: [nowhere, { host, port }] } };
  const [a, b] = [newBus(config), newBus(config)];
  await talk(a, b);
  const replicas = async () => JSON.stringify(await command(sentinel, "SENTINEL", "REPLICAS", MASTER));
  await eventually(async () => (await replicas()).includes(String(second.config.port)));
  await first.kill();
  await talk(a, b);
  expect(await command(second, "ROLE")).toContain("master");
  expect(a.connected() && b.connected()).toBe(true);

  const strange = newBus({ ...config, sentinel: { master: "unknown", nodes: [{ host, port }] } });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(strange.connected()).toBe(false);
});
