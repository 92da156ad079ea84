/**
 * What a room of 10,000 members and 50,000 state events costs, beside a small one. Not among the tests, since it takes minutes:
 * npx jest --testMatch '<rootDir>/test/load/bigRoom.ts'
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { sendIntent } from "../../src/writers/intents";
import type { SendIntent } from "../../src/writers/intents";
import { sendAll } from "../../src/writers/eventsRpc";
import { createTestApp } from "../builders/app";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { createSolo } from "../builders/solo";
import type { Solo } from "../builders/solo";

const MEMBERS = 10_000;
const STATE_EVENTS = 50_000;
const BATCH = 500;
const REPORT = 5_000;
const SENDS = 400;
const ROUNDS = 3;
const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

let database: TestDatabase;
let solo: Solo;
beforeAll(async () => {
  database = await createTestDatabase();
  const { host, port, user } = database.options;
  solo = await createSolo({ shared: { database: { name: "psycopg2", args: { host, port, user, dbname: database.name } } } });
});
afterAll(async () => {
  await solo?.close();
  await database?.drop();
});

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

/** Past HTTP and the handlers, whose checks take longer than the writing of so many events. The process must not run. */
async function fill(roomId: string, creator: string): Promise<void> {
  const joins = Array.from({ length: MEMBERS - 1 }, (_, i): SendIntent => {
    const sender = `@member${i}:test.local`;
    return sendIntent({ roomId, sender, type: "m.room.member", content: { membership: "join" } }, { stateKey: sender });
  });
  const others = Array.from({ length: STATE_EVENTS - MEMBERS }, (_, i) =>
    sendIntent({ roomId, sender: creator, type: "org.example.state", content: { i } }, { stateKey: String(i) }),
  );
  const all = [...joins, ...others];
  const { app, stop } = await createTestApp({}, database);
  let [begin, cpu] = [performance.now(), process.cpuUsage()];
  for (let i = 0; i < all.length; i += BATCH) {
    const refused = (await sendAll(app, all.slice(i, i + BATCH))).find((outcome) => "refused" in outcome);
    if (refused) throw new Error(JSON.stringify(refused));
    if ((i + BATCH) % REPORT !== 0) continue;
    const { user, system } = process.cpuUsage(cpu);
    const [rate, each] = [(REPORT * 1_000) / (performance.now() - begin), (user + system) / 1_000 / REPORT];
    say(`${i + BATCH} state events: ${rate.toFixed(0)} /s, ${each.toFixed(2)} ms of CPU each`);
    [begin, cpu] = [performance.now(), process.cpuUsage()];
  }
  await stop();
}

interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** CPU time of the server in milliseconds. proc(5): utime and stime are the 14th and 15th field, the name before them may hold blanks. */
function serverCpu(): number {
  const stat = readFileSync(`/proc/${solo.process().pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

const serverMemory = (): string => {
  const status = readFileSync(`/proc/${solo.process().pid}/status`, "utf8");
  return ["VmRSS", "VmHWM"]
    .map((name) => `${name} ${Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024)} MiB`)
    .join(", ");
};

async function costOf(times: number, work: (i: number) => Promise<unknown>): Promise<Cost> {
  const [cpu, begin] = [serverCpu(), performance.now()];
  for (let i = 0; i < times; i++) await work(i);
  return { cpuMs: (serverCpu() - cpu) / times, wallMs: (performance.now() - begin) / times };
}

const shown = ({ cpuMs, wallMs }: Cost): string => `${cpuMs.toFixed(2)} ms of CPU, ${wallMs.toFixed(2)} ms`;
const best = (of: readonly Cost[], key: keyof Cost): number => Math.min(...of.map((cost) => cost[key]));

async function compareSends(client: TestClient, rooms: { readonly small: string; readonly large: string }): Promise<void> {
  const costs = { small: [] as Cost[], large: [] as Cost[] };
  for (let round = 0; round < ROUNDS; round++)
    for (const name of ["small", "large"] as const) costs[name].push(await costOf(SENDS, (i) => client.say(rooms[name], `message ${i}`)));
  for (const [name, of] of Object.entries(costs))
    say(`send, ${name} room: ${shown({ cpuMs: best(of, "cpuMs"), wallMs: best(of, "wallMs") })}`);
  expect(best(costs.large, "cpuMs")).toBeLessThan(2 * best(costs.small, "cpuMs"));
}

test("a send in a large room costs at most twice one in a small room", async () => {
  await solo.start();
  const [alice, bob, carol] = [await register(solo.url, "alice"), await register(solo.url, "bob"), await register(solo.url, "carol")];
  const preset = { preset: "public_chat" };
  const rooms = { small: await alice.createRoom(preset), large: await alice.createRoom(preset) };
  for (const room of Object.values(rooms)) await bob.join(room);
  await solo.process().stop();
  await fill(rooms.large, alice.userId);

  const begin = performance.now();
  await solo.start();
  say(`start: ${Math.round(performance.now() - begin)} ms, ${serverMemory()}`);
  const large = `/rooms/${encodeURIComponent(rooms.large)}`;
  const once = async (name: string, work: () => Promise<unknown>): Promise<boolean> => say(`${name}: ${shown(await costOf(1, work))}`);
  await once("first send, small room", () => alice.say(rooms.small, "first"));
  await once("first send, large room", () => alice.say(rooms.large, "first"));
  await compareSends(alice, rooms);
  await once("a state event, large room", () => alice.ok("PUT", `${large}/state/org.example.other/`, { once: "more" }));
  say(serverMemory());

  await once("bob's first sync", () => bob.sync());
  await once("bob's next sync", () => bob.sync());
  const costs: Cost[] = [];
  for (let i = 0; i < 50; i++) {
    await alice.say(rooms.large, `for bob ${i}`);
    costs.push(await costOf(1, () => bob.sync()));
  }
  say(`bob's sync after a send: ${(costs.reduce((sum, { wallMs }) => sum + wallMs, 0) / costs.length).toFixed(2)} ms`);
  await once("carol joins", () => carol.join(rooms.large));
  const lazy = encodeURIComponent(JSON.stringify({ room: { state: { lazy_load_members: true } } }));
  await once("carol's first sync, members on demand", () => carol.ok("GET", `/sync?filter=${lazy}`));
  await once("carol's first sync, everything", () => carol.sync());
  for (const path of ["members", "joined_members", "state", "messages?dir=b&limit=100"])
    for (const time of ["first", "second"]) await once(`GET ${path}, ${time} time`, () => alice.ok("GET", `${large}/${path}`));
  say(serverMemory());
  await compareSends(alice, rooms);
}, 1_800_000);
