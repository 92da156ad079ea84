import type { Body, TestClient } from "../builders/client";
import { register } from "../builders/client";
import { eventually } from "../builders/eventually";
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

const runningOf = async (files: readonly string[]): Promise<readonly Body[]> =>
  (await status(files)).processes.filter(({ status: is }: Body) => is === "running");

/** Somebody says something and somebody else sees it, whatever happens meanwhile. */
async function chat(alice: TestClient, bob: TestClient, roomId: string, text: string): Promise<void> {
  await bob.sees(roomId, await alice.say(roomId, text));
}

test("one command runs a server with workers behind one port, starts again what dies, adds workers, and leaves nothing behind", async () => {
  const process = await up(1);
  const [, directory = ""] = /Files of this run: (.*)/.exec(process.stdout()) ?? [];
  const files = ["homeserver.yaml", `${directory}/shared.yaml`];
  const [alice, bob] = [await register(solo.url, "alice"), await register(solo.url, "bob")];
  const roomId = await alice.createRoom({ preset: "public_chat" });
  await bob.join(roomId);
  await chat(alice, bob, roomId, "are you there?");
  const before = await runningOf(files);
  expect(before.map(({ name }) => name)).toEqual(["main", "worker1"]);

  globalThis.process.kill(process.pid, "SIGTTIN");
  await eventually(async () => (await runningOf(files)).length === 3, 60_000);
  await chat(alice, bob, roomId, "there are two of us now");

  for (const name of ["worker1", "worker2"]) {
    const { pid } = (await runningOf(files)).find((one) => one.name === name) ?? {};
    globalThis.process.kill(pid, "SIGKILL");
    await chat(alice, bob, roomId, `${name} is gone`);
    await eventually(async () => (await runningOf(files)).some((one) => one.name === name && one.pid !== pid), 60_000);
    expect(process.stderr()).toContain(`${name} ended by SIGKILL and is started again in 0.5 s`);
  }
  const [{ pid: main }] = before as [Body];
  globalThis.process.kill(main, "SIGKILL");
  await chat(alice, bob, roomId, "main is gone");
  const large = await fetch(`${solo.url}/_matrix/media/v3/upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${alice.token}` },
    body: Buffer.alloc(60_000_000),
  });
  expect([large.status, await large.json()]).toMatchObject([413, { errcode: "M_TOO_LARGE" }]);

  globalThis.process.kill(process.pid, "SIGTTOU");
  await eventually(() => process.stderr().includes("1 workers run"), 60_000);
  await chat(alice, bob, roomId, "alone again");
  await eventually(async () => (await runningOf(files)).length === 2, 60_000);

  const after = (await runningOf(files)).map(({ pid }) => pid);
  await process.stop();
  expect(after.filter((pid: number) => isAlive(pid))).toEqual([]);
  await expect(fetch(solo.url)).rejects.toThrow();
}, 240_000);

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
