import { existsSync, mkdtempSync, rmSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../src/lib/clock";
import { locateBinaries } from "../../../src/storage/embeddedBinaries";
import { embeddedAddress, prepareCluster } from "../../../src/storage/embeddedCluster";
import { ensureRunning, stopServer } from "../../../src/storage/embeddedProcess";
import { DatabaseUnavailableError } from "../../../src/storage/databaseError";
import { createDatabase, type Pool } from "../../../src/storage/pool";
import { eventually } from "../../builders/eventually";

const WORKERS = 32;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

let directory: string;
let context: Parameters<typeof ensureRunning>[0];
let db: Pool;
let admin: Pool;

beforeAll(async () => {
  directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "synapse-ts-drill-"));
  chmodSync(directory, 0o711);
  const cluster = await prepareCluster(directory, locateBinaries());
  context = { cluster, settings: { fsync: "off", dynamic_shared_memory_type: "mmap" }, clock: systemClock, log };
  await ensureRunning(context);
  const options = { ...embeddedAddress(directory), database: "postgres", checkoutTimeoutMs: 30_000 };
  db = await createDatabase({ ...options, max: 5 }, { clock: systemClock });
  admin = await createDatabase({ ...options, max: 1, applicationName: "admin" }, { clock: systemClock });
  await db`create table drill (id int8 generated always as identity, pair int8, half int)`;
});

afterAll(async () => {
  await Promise.all([db.close(), admin.close()]);
  await stopServer(context);
  rmSync(directory, { recursive: true, force: true });
});

/** Workers that query and write without end, each counting what succeeded; failures have to be of the one expected kind. */
function startWorkers() {
  const done = new Array<number>(WORKERS).fill(0);
  const surprises: unknown[] = [];
  let stopped = false;
  let pair = 0;
  const work = async (worker: number): Promise<void> => {
    if (worker % 2 === 0) return void (await db`select count(*) from drill where id < ${worker}`);
    const id = ++pair * WORKERS + worker;
    await db.tx((tx) =>
      Promise.all([
        tx`insert into drill (pair, half) values (${id}, 1)`,
        tx`select pg_current_xact_id_if_assigned()::text as xid`,
        tx`insert into drill (pair, half) values (${id}, 2)`,
      ]),
    );
  };
  const loop = async (worker: number): Promise<void> => {
    while (!stopped) {
      try {
        await work(worker);
        done[worker] = (done[worker] ?? 0) + 1;
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) surprises.push(error);
        await sleep(1);
      }
    }
  };
  const loops = Array.from({ length: WORKERS }, (_, worker) => loop(worker));
  return {
    surprises,
    /** Resolves when each worker has done something more. */
    everyoneGoesOn: async () => {
      const before = [...done];
      await eventually(() => done.every((count, worker) => count > (before[worker] ?? 0)), 60_000);
    },
    stop: async () => {
      stopped = true;
      await Promise.all(loops);
    },
  };
}

test("no worker hangs, nothing is half done and nothing escapes when connections are cut and the server restarts", async () => {
  const escaped: unknown[] = [];
  const note = (error: unknown): void => void escaped.push(error);
  process.on("uncaughtException", note).on("unhandledRejection", note);
  const workers = startWorkers();
  await workers.everyoneGoesOn();
  for (let round = 0; round < 10; round++) {
    const [cut] = await admin<{ n: number }>`
      select count(pg_terminate_backend(pid)) as n from pg_stat_activity where application_name = 'synapse-ts'`;
    expect(cut?.n).toBeGreaterThan(0);
    await workers.everyoneGoesOn();
  }
  await stopServer(context);
  await ensureRunning(context);
  await workers.everyoneGoesOn();
  await workers.stop();
  process.off("uncaughtException", note).off("unhandledRejection", note);

  expect(escaped).toEqual([]);
  expect(workers.surprises).toEqual([]);
  expect(await db`select pair from drill group by pair having count(*) <> 2 or sum(half) <> 3`).toEqual([]);
  expect(db.stats()).toMatchObject({ busy: 0, waiting: 0 });
});

test("whoever waits while the server is away is served when it is back", async () => {
  await stopServer(context);
  const waiting = [db`select 1 as n`, db.tx((tx) => tx`select 2 as n`)];
  await sleep(300);
  await ensureRunning(context);
  expect(await Promise.all(waiting)).toEqual([[{ n: 1 }], [{ n: 2 }]]);
});
