import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { openDeployment } from "../../../src/replication/deployment";
import type { DeploymentOptions, OpenDeployment } from "../../../src/replication/deployment";
import { createTestDatabase } from "../../builders/database";
import type { TestDatabase } from "../../builders/database";
import { eventually } from "../../builders/eventually";
import { startTestRedis } from "../../builders/redis";
import type { TestRedis } from "../../builders/redis";
import { quietLog } from "../../builders/replication";

let database: TestDatabase;
let redis: TestRedis;
const open: OpenDeployment[] = [];
beforeAll(async () => void ([database, redis] = await Promise.all([createTestDatabase(), startTestRedis()])));
afterEach(async () => void (await Promise.all(open.splice(0).map((deployment) => deployment.stop()))));
afterAll(() => Promise.all([database.drop(), redis.stop()]));

async function start(instanceName: string, more: Partial<DeploymentOptions> = {}): Promise<OpenDeployment> {
  const deployment = await openDeployment({
    solo: false,
    instanceName,
    standsFor: ["process", instanceName === "main" ? "main" : "events"],
    candidates: { main: ["main"], events: ["w1", "w2"], process: ["*"] },
    addresses: {},
    config: { server_name: "test", redis: redis.config, worker_replication_secret: undefined },
    db: database.db,
    clock: systemClock,
    random: systemRandom,
    log: quietLog,
    onReplaced: (error) => {
      throw error;
    },
    ...more,
  });
  open.push(deployment);
  return deployment;
}

test("processes find each other, and learn through Redis when one hands over", async () => {
  const [main, w1, w2] = [await start("main"), await start("w1"), await start("w2")];
  await eventually(() => [main, w1, w2].every(({ ownership, bus }) => bus.connected() && ownership.isLive("w1") && ownership.isLive("w2")));
  expect(main.ownership.isMine("main")).toBe(true);
  expect(main.ownership.isMine("events", "!a")).toBe(false);
  expect(w1.ownership.isMine("events", "!a")).toBe(!w2.ownership.isMine("events", "!a"));
  await w1.stop();
  await eventually(() => w2.ownership.isMine("events", "!a") && main.ownership.ownerOf("events", "!b") === "w2");
});

test("a process that is alone has nothing to ask anybody, and keeps others out", async () => {
  const main = await start("main", { solo: true });
  expect(main.transport).toBeUndefined();
  expect(main.bus.shared).toBe(false);
  expect(main.ownership.isMine("events", "!a")).toBe(true);
  expect(main.ownership.fence("events")).toBeUndefined();
  const rows = await database.db<{ name: string }>`select stands_for as name from leases`;
  expect(rows).toEqual([{ name: "main" }]);
});

test("a main process that believes to be alone does not start beside workers", async () => {
  await start("w1");
  await expect(start("main", { solo: true })).rejects.toThrow(/w1 still work/);
  expect((await database.db`select 1 from leases where instance = 'main'`).length).toBe(0);
});
