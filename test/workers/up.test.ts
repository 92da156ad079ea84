import type { Body } from "../builders/client";
import { register } from "../builders/client";
import { eventually } from "../builders/eventually";
import { isInstalled } from "../builders/nginx";
import { says, startProgram } from "../builders/process";
import type { TestProcess } from "../builders/process";
import { createSolo } from "../builders/solo";
import type { Solo } from "../builders/solo";
import { isAlive } from "../../src/storage/embeddedServer";

let solo: Solo;
let running: TestProcess | undefined;

beforeEach(async () => {
  solo = await createSolo();
});
afterEach(async () => {
  if (running?.ended() === undefined) await running?.stop();
  running = undefined;
  await solo.close();
});

async function up(workers: number): Promise<TestProcess> {
  running = await startProgram({ cwd: solo.directory, args: ["up", "-c", "homeserver.yaml", "--workers", String(workers)] });
  await says(running, /All \d+ processes run/);
  return running;
}

async function status(files: readonly string[]): Promise<Body> {
  const asked = await startProgram({ cwd: solo.directory, args: ["status", "--json", ...files.flatMap((file) => ["-c", file])] });
  await asked.end();
  return JSON.parse(asked.stdout());
}

// Without a reverse proxy clients are served by main alone, and nothing is spread that could be tested.
const given = isInstalled("nginx") ? test : test.skip;

given("one command runs a server with workers, starts again what dies, and leaves nothing behind", async () => {
  const process = await up(2);
  const [, directory = ""] = /Files of this run: (.*)/.exec(process.stdout()) ?? [];
  const files = ["homeserver.yaml", `${directory}/shared.yaml`];
  const [alice, bob] = [await register(solo.url, "alice"), await register(solo.url, "bob")];
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.join(roomId);
  await bob.sees(roomId, await alice.say(roomId, "are you there?"));

  const before = await status(files);
  expect(before.processes.map(({ name, status: is }: Body) => [name, is])).toEqual([
    ["main", "running"],
    ["worker1", "running"],
    ["worker2", "running"],
  ]);
  expect(before.streams.find(({ name }: Body) => name === "events").writers).toEqual(["worker1", "worker2"]);
  const pids = before.processes.map(({ pid }: Body) => pid);
  globalThis.process.kill(pids[1], "SIGKILL");
  await eventually(async () => {
    const worker = (await status(files)).processes.find(({ name }: Body) => name === "worker1");
    return worker.status === "running" && worker.pid !== pids[1];
  }, 40_000);
  expect(process.stderr()).toMatch(/worker1 ended by SIGKILL and is started again in 0\.5 s/);
  await eventually(() =>
    alice.say(roomId, "still there?").then(
      (eventId) => bob.sees(roomId, eventId).then(() => true),
      () => false,
    ),
  );

  const after = (await status(files)).processes.map(({ pid }: Body) => pid);
  await process.stop();
  expect(after.filter((pid: number) => isAlive(pid))).toEqual([]);
  await expect(fetch(solo.url)).rejects.toThrow();
});

test("without workers it is the main process alone", async () => {
  await up(0);
  const alice = await register(solo.url, "alice");
  const roomId = await alice.createRoom();
  await alice.sees(roomId, await alice.say(roomId, "echo"));
});

test("a configuration that is wrong ends it, with the reason", async () => {
  const process = await startProgram({ cwd: solo.directory, args: ["up", "-c", "nowhere.yaml"] });
  expect(await process.end()).toBe(1);
  expect(process.stderr()).toMatch(/nowhere\.yaml/);
});
