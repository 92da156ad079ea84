import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { register } from "../builders/client";
import { eventually } from "../builders/eventually";
import { startProgram } from "../builders/process";
import { startTestRedis } from "../builders/redis";
import type { TestRedis } from "../builders/redis";
import { createSolo } from "../builders/solo";
import type { Solo } from "../builders/solo";
import { isAlive } from "../../src/storage/embeddedServer";

let solo: Solo;
let redis: TestRedis;

const path = (name: string): string => join(solo.directory, name);
const pidOf = (name: string): number => Number(readFileSync(path(name), "utf8"));
const socket = (name: string, ...names: readonly string[]): object => ({ type: "http", path: path(name), resources: [{ names }] });

beforeAll(async () => {
  [solo, redis] = await Promise.all([createSolo(), startTestRedis()]);
  const config = JSON.parse(readFileSync(path("homeserver.yaml"), "utf8"));
  config.pid_file = path("main.pid");
  config.redis = redis.config;
  config.listeners.push(socket("main.sock", "replication"));
  config.instance_map = { main: { path: path("main.sock") }, worker1: { path: path("worker1.sock") } };
  config.stream_writers = { events: ["worker1"] };
  writeFileSync(path("homeserver.yaml"), JSON.stringify(config));
  mkdirSync(path("workers"));
  const worker = {
    worker_app: "synapse.app.generic_worker",
    worker_name: "worker1",
    worker_pid_file: path("worker1.pid"),
    worker_listeners: [socket("worker1.sock", "replication")],
  };
  writeFileSync(path("workers/worker1.yaml"), JSON.stringify(worker));
  writeFileSync(path("workers/main.yaml"), JSON.stringify({ worker_app: "synapse.app.homeserver" }));
});
afterAll(async () => {
  for (const name of ["main.pid", "worker1.pid"]) {
    try {
      process.kill(pidOf(name), "SIGKILL");
    } catch {
      // it has ended as it should
    }
  }
  await solo?.close();
  await redis?.stop();
});

async function synctl(...args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const running = await startProgram({ cwd: solo.directory, args: ["synctl", ...args] });
  return { code: await running.end(), out: running.stdout(), err: running.stderr() };
}

test("processes of all files are started in the background, found, started again and stopped", async () => {
  const [worker, main] = ["synapse.app.generic_worker workers/worker1.yaml", "synapse.app.homeserver"];
  expect(await synctl("status", "homeserver.yaml", "-a", "workers")).toMatchObject({
    code: 1,
    out: `${main} is not running\n${worker} is not running\n`,
  });
  expect(await synctl("start", "homeserver.yaml", "-a", "workers")).toMatchObject({ code: 0, out: `started ${main}\nstarted ${worker}\n` });
  const alice = await register(solo.url, "alice");
  const roomId = await alice.createRoom();
  await alice.sees(roomId, await alice.say(roomId, "by way of the worker"));
  const before = [pidOf("main.pid"), pidOf("worker1.pid")];
  expect((await synctl("start", "homeserver.yaml", "-w", "workers/worker1.yaml")).out).toBe(`${worker} is already running\n`);
  expect((await synctl("status", "homeserver.yaml", "-a", "workers")).out).toContain(`${main} is running as process ${before[0]}\n`);

  expect((await synctl("restart", "homeserver.yaml", "-w", "workers/worker1.yaml")).code).toBe(0);
  expect(pidOf("main.pid")).toBe(before[0]);
  expect(pidOf("worker1.pid")).not.toBe(before[1]);
  await alice.sees(roomId, await alice.say(roomId, "by way of the next one"));

  const after = [pidOf("main.pid"), pidOf("worker1.pid")];
  expect(await synctl("stop", "homeserver.yaml", "-a", "workers")).toMatchObject({ code: 0, out: `stopped ${main}\nstopped ${worker}\n` });
  await eventually(() => !after.some((pid) => isAlive(pid)));
  const again = await synctl("stop", "homeserver.yaml");
  expect(again.code).toBe(1);
  expect(again.err).toContain(`${main} was not running\n`);
});
