import type { Body, TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { startProgram } from "../builders/process";

let deployment: TestDeployment;
let admin: TestClient;

beforeAll(async () => {
  deployment = await startDeployment({
    workers: ["worker1", "worker2"],
    later: ["worker3"],
    shared: { stream_writers: { events: ["worker1", "worker2"] }, enable_metrics: true },
  });
  admin = await deployment.user("admin");
  await deployment.database.db`update users set admin = true where user_id = ${admin.userId}`;
});
afterAll(() => deployment?.close());

async function cluster(at: string): Promise<Body> {
  const response = await fetch(`${deployment.url(at)}/_synapse/admin/v1/cluster`, { headers: { authorization: `Bearer ${admin.token}` } });
  expect(response.status).toBe(200);
  return response.json();
}

async function run(...args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const process = await startProgram({ cwd: deployment.directory, args });
  return { code: await process.end(), out: process.stdout(), err: process.stderr() };
}

const named = ({ processes }: Body, name: string): Body => processes.find((one: Body) => one.name === name);

test("any process tells of all: what they stand for, where the streams are, what waits", async () => {
  const roomId = await admin.createRoom();
  const eventId = await admin.say(roomId, "count me");
  await admin.on(deployment.url("worker2")).sees(roomId, eventId);
  for (const at of ["main", "worker2"]) {
    const seen = await cluster(at);
    expect(seen.server_name).toBe("test.local");
    expect(seen.processes.map(({ name, status, role }: Body) => [name, status, role])).toEqual([
      ["main", "running", "main"],
      ["worker1", "running", "generic_worker"],
      ["worker2", "running", "generic_worker"],
      ["worker3", "away", undefined],
    ]);
    const events = seen.streams.find(({ name }: Body) => name === "events");
    expect(events.writers).toEqual(["worker1", "worker2"]);
    expect(events.position).toBeGreaterThan(5);
    for (const name of ["main", "worker1", "worker2"]) {
      const one = named(seen, name);
      expect(one).toMatchObject({ pid: deployment.process(name).pid, bus_connected: true, lag: { events: 0 } });
      expect(one.positions.events).toBe(events.position);
      expect(one.connections.database).toBeGreaterThan(0);
      expect(one.queues).toMatchObject({ stream_rows: 0 });
      expect(one.lease.epoch).toBeGreaterThan(0);
    }
    expect(named(seen, "main").stands_for).toContain("federation_sender");
    expect(named(seen, "worker1").stands_for).toEqual(["events"]);
  }
});

test("a process that is frozen is silent, and one that is gone is away", async () => {
  deployment.process("worker2").freeze();
  expect(named(await cluster("main"), "worker2")).toMatchObject({ status: "silent", stands_for: ["events"] });
  await eventually(async () => named(await cluster("main"), "worker2").status === "away");
  deployment.process("worker2").thaw();
  await eventually(async () => named(await cluster("main"), "worker2").status === "running");
});

test("only administrators may ask", async () => {
  const somebody = await deployment.user("somebody");
  const response = await fetch(`${deployment.url("main")}/_synapse/admin/v1/cluster`, {
    headers: { authorization: `Bearer ${somebody.token}` },
  });
  expect(response.status).toBe(403);
});

test("the command line shows the same, also while Redis or main is away", async () => {
  const { code, out } = await run("status", "-c", "homeserver.yaml");
  expect(code).toBe(0);
  expect(out).toMatch(/^main +running +main +\d+/m);
  expect(out).toMatch(/^worker1 +running +generic_worker +\d+ .* events$/m);
  expect(out).toMatch(/^events +\d+ +worker1, worker2$/m);
  expect(out).toMatch(/^typing +in memory/m);
  const json = await run("status", "-c", "homeserver.yaml", "--json");
  expect(named(JSON.parse(json.out), "worker1").pid).toBe(deployment.process("worker1").pid);

  await deployment.redis.kill();
  expect((await run("status", "-c", "homeserver.yaml")).out).toMatch(/^worker1 +silent/m);
  await deployment.redis.restart();
  await deployment.process("main").stop();
  // Processes come back to Redis one after another.
  await eventually(async () => {
    const without = await run("status", "-c", "homeserver.yaml");
    expect(without).toMatchObject({ code: 1, err: "The main process is not running.\n" });
    return /^worker1 +running/m.test(without.out);
  }, 60_000);
  await deployment.start("main");
});
