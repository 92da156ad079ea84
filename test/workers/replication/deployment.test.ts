import { buildConfig } from "../../../src/config/load";
import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { requirePlan } from "../../../src/roles/plan";
import { createDeployment } from "../../../src/server/deployment";
import type { RunningDeployment } from "../../../src/server/deployment";
import { createDatabase } from "../../../src/storage/pool";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { startTestRedis } from "../../builders/redis";
import type { TestRedis } from "../../builders/redis";
import { quietLog } from "../../builders/replication";

let database: TestDatabase;
let redis: TestRedis;
const open: RunningDeployment[] = [];
beforeAll(async () => void ([database, redis] = await Promise.all([createTestDatabase(), startTestRedis()])));
afterEach(async () => void (await Promise.all(open.splice(0).map((deployment) => deployment.stop()))));
afterAll(() => Promise.all([database.drop(), redis.stop()]));

const replication = (port: number) => [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["replication"] }] }];

async function start(file: Readonly<Record<string, unknown>>): Promise<RunningDeployment> {
  const shared = {
    server_name: "test.local",
    signing_key: `ed25519 test ${Buffer.alloc(32).toString("base64")}`,
    report_stats: false,
    redis: redis.config,
    listeners: replication(9093),
    instance_map: { main: { host: "127.0.0.1", port: 9093 }, w1: { host: "127.0.0.1", port: 9101 }, w2: { host: "127.0.0.1", port: 9102 } },
    stream_writers: { events: ["w1", "w2"] },
  };
  const { config } = buildConfig([], { overrides: { ...shared, ...file } });
  const deployment = await createDeployment({
    config,
    plan: requirePlan(config),
    database: { pool: database.db, locked: false, connectApart: () => createDatabase(database.options, { clock: systemClock }) },
    clock: systemClock,
    random: systemRandom,
    log: () => ({ ...quietLog, isEnabled: () => false }),
    onFatal: (error) => {
      throw error;
    },
  });
  open.push(deployment);
  await deployment.start();
  return deployment;
}

const worker = (name: string, port: number) => ({
  worker_app: "synapse.app.generic_worker",
  worker_name: name,
  worker_listeners: replication(port),
});

test("processes find each other, and learn through Redis when one hands over", async () => {
  const [main, w1, w2] = [await start({}), await start(worker("w1", 9101)), await start(worker("w2", 9102))];
  await eventually(() => [main, w1, w2].every(({ ownership, bus }) => bus.connected() && ownership.isLive("w1") && ownership.isLive("w2")));
  expect(main.ownership.isMine("main")).toBe(true);
  expect(main.ownership.isMine("typing")).toBe(true);
  expect(main.ownership.isMine("events", "!a")).toBe(false);
  expect(w1.ownership.isMine("events", "!a")).toBe(!w2.ownership.isMine("events", "!a"));
  await w1.stop();
  await eventually(() => w2.ownership.isMine("events", "!a") && main.ownership.ownerOf("events", "!b") === "w2");
});

test("a process that is alone has nobody to ask, and all is its own", async () => {
  const main = await start({ redis: { enabled: false }, stream_writers: {} });
  expect(main.transport).toBeUndefined();
  expect(main.bus.shared).toBe(false);
  expect(main.ownership.isMine("events", "!a")).toBe(true);
  expect(main.ownership.fence("events")).toBeUndefined();
});
