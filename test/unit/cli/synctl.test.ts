import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../../src/cli";
import { testIo } from "./testIo";

const folder = mkdtempSync(join(tmpdir(), "synapse-ts-synctl-"));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const server = file("homeserver.yaml", `server_name: a.example\npid_file: ${folder}/main.pid\n`);
const worker = file("worker.yaml", `worker_app: synapse.app.generic_worker\nworker_pid_file: ${folder}/worker.pid\n`);
mkdirSync(join(folder, "strange"));
file("strange/main.yaml", "worker_app: synapse.app.homeserver\nworker_name: main\n");

async function synctl(...args: readonly string[]): Promise<{ code: number; said: string }> {
  const io = testIo();
  const code = await main(["synctl", ...args], io);
  return { code, said: io.written() + io.complaints() };
}

test.each<[string, readonly string[], RegExp]>([
  ["both -w and -a", ["start", server, "-w", worker, "-a", folder], /exclude each other/],
  ["many in the foreground", ["start", server, "-a", folder, "--no-daemonize"], /for one process/],
  ["no file", ["start", join(folder, "none.yaml")], /none\.yaml/],
  ["no pid file of main", ["start", file("bare.yaml", "server_name: a.example\n")], /must name a pid_file/],
  [
    "no pid file of a worker",
    ["stop", server, "-w", file("no-pid.yaml", "worker_app: synapse.app.pusher\n")],
    /must name a worker_pid_file/,
  ],
  ["no app", ["stop", server, "-w", file("no-app.yaml", "worker_pid_file: x\n")], /must name a worker_app/],
  ["main as a worker", ["start", server, "-w", file("main.yaml", "worker_app: synapse.app.homeserver\n")], /start that without -w/],
  ["a main process that is called a worker", ["start", server, "-a", join(folder, "strange")], /may not say worker_name/],
  ["no directory", ["start", server, "-a", join(folder, "none")], /is not a directory/],
])("refused: %s", async (_what, args, reason) => {
  const { code, said } = await synctl(...args);
  expect(code).toBe(1);
  expect(said).toMatch(reason);
});

test("another action is not known", async () => {
  expect((await synctl("reload", server)).code).toBe(2);
});

test("what does not run cannot be stopped, and is said not to run", async () => {
  expect(await synctl("status", server)).toEqual({ code: 1, said: expect.stringContaining("synapse.app.homeserver is not running") });
  file("main.pid", "999999999\n");
  expect(await synctl("stop", server)).toEqual({ code: 1, said: expect.stringContaining("was not running") });
});
