import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { register } from "../builders/client";
import { eventually } from "../builders/eventually";
import { expectNothingLost, startLoad } from "../builders/load";
import type { Load } from "../builders/load";
import { startProgram } from "../builders/process";
import { createSolo, killDatabase } from "../builders/solo";
import type { Solo } from "../builders/solo";

/** As much as a new database takes and a little more. */
const DISK = "160m";
const disk = mkdtempSync(join(tmpdir(), "synapse-ts-disk-"));
const mounted = process.platform === "linux" && spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", disk]).status === 0;

let solo: Solo | undefined;
let load: Load | undefined;
afterAll(async () => {
  load?.abandon();
  await solo?.close();
  killDatabase(disk);
  if (mounted) execFileSync("umount", ["--lazy", disk]);
  rmSync(disk, { recursive: true });
});

const free = (): number => {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
};

/** Takes all space that is left, again and again: the database gives some back when it ends. */
function fill(): void {
  const left = free();
  if (left > 0) writeFileSync(join(disk, `ballast-${left}-${Math.random()}`), Buffer.alloc(left));
}

const makeSpace = (): Buffer => execFileSync("find", [disk, "-maxdepth", "1", "-name", "ballast-*", "-delete"]);

async function start(): Promise<Solo> {
  chmodSync(disk, 0o755);
  solo = await createSolo({ shared: { database: { name: "sqlite3", args: { database: join(disk, "homeserver.db") } } } });
  await solo.start();
  return solo;
}

// only root can mount a disk that is small enough to be filled
(mounted ? test : test.skip)(
  "a full disk loses nothing and is told, also at a start, and is forgotten once there is space",
  async () => {
    const { url, directory, process, ...server } = await start();
    const alice = await register(url, "alice");
    const sending = (load = startLoad([{ client: alice, roomId: await alice.createRoom() }]));
    const [sender] = sending.senders;
    await eventually(() => sending.count() > 10);
    await eventually(() => {
      fill();
      return sender?.failures.has("503 M_UNKNOWN") === true;
    }, 60_000);
    expect([...(sender?.failures.keys() ?? [])]).toEqual(["503 M_UNKNOWN"]);
    const told = /has no room for RoomSendEventRestServlet.*No space left on device/;
    await eventually(() => told.test(readFileSync(join(directory, "homeserver.log"), "utf8")));

    const onFullDisk = sending.count();
    makeSpace();
    await eventually(() => sending.count() > onFullDisk + 10, 60_000);

    await process().kill();
    killDatabase(disk);
    fill();
    const failing = await startProgram({ cwd: directory, args: ["-c", "homeserver.yaml"] });
    expect(await failing.end()).toBe(1);
    expect(failing.stderr()).toMatch(/^Error: .*no space left on device.*\n$/i);

    makeSpace();
    await server.start();
    const afterwards = sending.count();
    await eventually(() => sending.count() > afterwards, 60_000);
    await sending.stop();
    await expectNothingLost(sending, url);
    await process().stop();
  },
  180_000,
);
