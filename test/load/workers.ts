/**
 * What a message costs one process and deployments of 2 to 12, and what it costs workers that have nothing to do with it. Not among the tests,
 * since it takes minutes: npx jest --testMatch '<rootDir>/test/load/workers.ts'
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";

const PROCESSES = (process.env["SYNAPSE_TS_LOAD_PROCESSES"] ?? "1,2,3,6,12").split(",").map(Number);
const SENDERS = 24;
/** For each process that serves: what is young costs a multiple, which says nothing of how many there are. */
const WARM_UP = 1_500;
const MESSAGES = 3_000;
/** Of the load that only worker1 serves: messages a second, with half as many receipts and a quarter as many people typing. */
const PACE = 40;
const PACED_SECONDS = 15;
/** Longer than a worker without requests goes on following closely. */
const REST_MS = 12_000;
const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;

interface Setup {
  readonly deployment: TestDeployment;
  readonly names: readonly string[];
}

async function setUp(count: number): Promise<Setup> {
  const workers = Array.from({ length: count - 1 }, (_, i) => `worker${i + 1}`);
  const rooms = { per_second: 100_000, burst_count: 100_000 };
  const limits = {
    rc_message: rooms,
    rc_joins: { local: rooms },
    rc_registration: rooms,
    rc_room_creation: rooms,
    presence: { enabled: false },
  };
  const alone = count === 1 ? { redis: { enabled: false }, instance_map: {} } : {};
  const deployment = await startDeployment({ workers, shared: { ...limits, ...alone } });
  return { deployment, names: ["main", ...workers] };
}

/** proc(5): utime and stime are the 14th and 15th field, the name before them may hold blanks. In ms; 0 where there is no such process. */
function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

const pidOf = ({ deployment }: Setup, name: string): number => deployment.process(name).pid ?? 0;

/** Milliseconds of CPU by process, and of the database's backends together. */
async function usage(setup: Setup): Promise<Map<string, number>> {
  const { database } = setup.deployment;
  const backends = await database.db<{ pid: number }>`select pid from pg_stat_activity where datname = current_database()`;
  const databaseMs = backends.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
  return new Map([...setup.names.map((name): [string, number] => [name, cpuOf(pidOf(setup, name))]), ["database", databaseMs]]);
}

async function usedBy(setup: Setup, work: () => Promise<unknown>): Promise<Map<string, number>> {
  const before = await usage(setup);
  await work();
  const after = await usage(setup);
  return new Map([...after].map(([name, ms]) => [name, ms - (before.get(name) ?? 0)]));
}

/** MiB resident, pages shared with other processes counted in each of them and divided among them. */
function memoryOf(setup: Setup, name: string): { readonly rss: number; readonly pss: number } {
  const text = readFileSync(`/proc/${pidOf(setup, name)}/smaps_rollup`, "utf8");
  const of = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024;
  return { rss: of("Rss"), pss: of("Pss") };
}

interface Seat {
  readonly client: TestClient;
  readonly roomId: string;
}

/** People with a room each, spread over the workers, or all at main where there are none. */
async function seats({ deployment, names }: Setup): Promise<Seat[]> {
  const serving = names.length > 1 ? names.slice(1) : names;
  const out: Seat[] = [];
  for (let i = 0; i < SENDERS; i++) {
    const client = await deployment.user("sender", serving[i % serving.length]);
    out.push({ client, roomId: await client.createRoom({ preset: "public_chat" }) });
  }
  return out;
}

async function sendAll(all: readonly Seat[], count: number): Promise<void> {
  let left = count;
  await Promise.all(
    all.map(async ({ client, roomId }) => {
      while (left-- > 0) await client.say(roomId, `message ${left}`);
    }),
  );
}

async function sendPaced(all: readonly Seat[]): Promise<void> {
  const begin = performance.now();
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < PACE * PACED_SECONDS; i++) {
    await pause(begin + (i * 1_000) / PACE - performance.now());
    const { client, roomId } = all[i % all.length] as Seat;
    const room = `/rooms/${encodeURIComponent(roomId)}`;
    sent.push(
      client.say(roomId, `message ${i}`).then(async (eventId) => {
        if (i % 2 === 0) await client.ok("POST", `${room}/receipt/m.read/${encodeURIComponent(eventId)}`, {});
      }),
    );
    if (i % 4 === 0) {
      const typing = `${room}/typing/${encodeURIComponent(client.userId)}`;
      sent.push(client.ok("PUT", typing, { typing: true, timeout: 2_000 }));
    }
  }
  await Promise.all(sent);
}

async function measure(count: number): Promise<string> {
  const setup = await setUp(count);
  const { deployment, names } = setup;
  try {
    const all = await seats(setup);
    await sendAll(all, WARM_UP * Math.max(1, count - 1));
    const begin = performance.now();
    const each = await usedBy(setup, () => sendAll(all, MESSAGES));
    const rate = (MESSAGES * 1_000) / (performance.now() - begin);
    const total = names.reduce((sum, name) => sum + (each.get(name) ?? 0), 0);
    const workers = names.slice(1);
    const figures = [count, rate.toFixed(0), total / MESSAGES, (each.get("main") ?? 0) / MESSAGES, (each.get("database") ?? 0) / MESSAGES];

    // the others rest: all that they do now is not theirs
    await pause(REST_MS);
    const atRest = await usedBy(setup, () => pause(REST_MS));
    const foreign = all.map(({ client, roomId }) => ({ client: client.on(deployment.url(names[1] ?? "main")), roomId }));
    await sendPaced(foreign.slice(0, 4));
    const paced = await usedBy(setup, () => sendPaced(foreign));
    const idle = workers.slice(1);
    const share = (of: ReadonlyMap<string, number>, ms: number): number =>
      idle.length === 0 ? NaN : (mean(idle.map((name) => of.get(name) ?? 0)) / ms) * 100;
    const memory = workers.map((name) => memoryOf(setup, name));
    figures.push(
      share(atRest, REST_MS),
      share(paced, PACED_SECONDS * 1_000),
      mean(memory.map(({ rss }) => rss)),
      mean(memory.map(({ pss }) => pss)),
    );
    return figures.map((one) => (typeof one === "number" && !Number.isInteger(one) ? one.toFixed(2) : String(one))).join(" | ");
  } finally {
    await deployment.close();
  }
}

test("a message costs the same whatever the number of processes, and those that it does not concern next to nothing", async () => {
  const rows: string[] = [];
  for (const count of PROCESSES) rows.push(await measure(count));
  say(
    "processes | messages/s | CPU ms a message | of that main | database ms | idle worker at rest % | at 40 messages/s % | RSS MiB | PSS MiB",
  );
  for (const row of rows) say(row);
  expect(rows).toHaveLength(PROCESSES.length);
}, 3_600_000);
