import { systemRandom } from "../../../src/lib/random";
import type { Bus } from "../../../src/replication/bus";
import { createRedisBus } from "../../../src/replication/redisBus";
import { createStreamWriter } from "../../../src/replication/streamWriter";
import { asStreamRows, nextIds } from "../../../src/storage/streamIds";
import { defineStream } from "../../../src/streams/defineStream";
import { tuple } from "../../../src/streams/tuple";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { startTestRedis } from "../../builders/redis";
import type { TestRedis } from "../../builders/redis";
import { quietLog, testProcess } from "../../builders/replication";

let database: TestDatabase;
let redis: TestRedis;
beforeAll(async () => {
  [database, redis] = await Promise.all([createTestDatabase({ max: 12 }), startTestRedis()]);
  await database.db`create table test_facts (stream_id int8 primary key, user_id text not null)`;
  await database.db`create sequence test_facts_seq`;
});
afterAll(() => Promise.all([database.drop(), redis.stop()]));

const factsStream = defineStream({
  name: "receipts",
  writer: "receipts",
  sharding: "user",
  sequence: "test_facts_seq",
  row: tuple({ userId: "string" }),
  catchUp: async (db, from, to) =>
    asStreamRows(
      await db<{ id: number; userId: string }>`
        select stream_id as id, user_id as "userId" from test_facts where stream_id > ${from} and stream_id <= ${to} order by stream_id`,
    ),
});

/** Loses every nth message, as a subscriber that was away would. */
function leaky(bus: Bus, nth: number): Bus {
  let count = 0;
  return { ...bus, subscribe: (channel, fn) => bus.subscribe(channel, (text) => void (++count % nth !== 0 && fn(text))) };
}

function standUp(instance: string, nth: number) {
  const bus = leaky(createRedisBus({ config: redis.config, log: quietLog, random: systemRandom }), nth);
  const { streams } = testProcess({ defs: [factsStream], bus, instance, db: database.db });
  const writer = createStreamWriter<string, { userId: string }>({
    stream: factsStream,
    db: database.db,
    streams,
    log: quietLog,
    maxBatch: 7,
    insert: async (tx, items) => {
      if (items.some((item) => item.startsWith("@late"))) await new Promise((resolve) => setTimeout(resolve, systemRandom.fraction() * 5));
      const ids = await nextIds(tx, factsStream, items.length);
      await tx`insert into test_facts select * from unnest(${ids}::int8[], ${items}::text[])`;
      if (items.includes("@bad")) throw new Error("rolled back");
      return items.map((userId, i) => ({ id: ids[i] ?? 0, row: { userId } }));
    },
  });
  const seen: number[] = [];
  streams.subscribe(factsStream, (rows) => seen.push(...rows.map(({ id }) => id)));
  return { bus, streams, writer, seen };
}

test("whatever gets lost, late or rolled back, every process sees each row once and in order, and can read what it wrote", async () => {
  const processes = [standUp("w1", 5), standUp("w2", 3), standUp("reader", 2)];
  await Promise.all(processes.map(({ streams }) => streams.start()));
  await eventually(() => processes.every(({ bus }) => bus.connected()));
  const writers = processes.slice(0, 2);
  const work = writers.flatMap(({ writer, streams }, w) =>
    Array.from({ length: 150 }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, systemRandom.fraction() * 300));
      if (i % 29 === 0) await writer.submit("@bad").catch(() => undefined);
      const position = await writer.submit(i % 11 === 0 ? `@late${w}-${i}` : `@u${w}-${i}`);
      expect(await streams.waitFor({ receipts: position }, 20_000)).toBe(true);
      expect(streams.position(factsStream)).toBeGreaterThanOrEqual(position);
    }),
  );
  await Promise.all(work);
  const rows = await database.db<{ id: number }>`select stream_id as id from test_facts order by stream_id`;
  const expected = rows.map(({ id }) => id);
  expect(expected).toHaveLength(300);
  for (const { streams, seen } of processes) {
    await eventually(() => streams.position(factsStream) >= (expected.at(-1) ?? 0));
    expect(seen).toEqual(expected);
  }
  for (const { streams, bus } of processes) {
    streams.stop();
    await bus.close();
  }
});
