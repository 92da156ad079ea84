/**
 * How long the event loop stands still while large answers are made: of a user in 500 rooms, and of a room of 10,000 members and 50,000
 * state events. Not among the tests, since it takes minutes:
 * npx jest --testMatch '<rootDir>/test/load/stalls.ts'
 * STALL_ROOMS, STALL_MESSAGES, STALL_MEMBERS and STALL_STATE make it smaller; STALL_PROFILE names a directory for a profile of each request.
 */
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRoom } from "../../src/handlers/rooms/createRoom";
import { requesterFor } from "../../src/handlers/requester";
import { sendIntent } from "../../src/writers/intents";
import type { SendIntent } from "../../src/writers/intents";
import { sendAll } from "../../src/writers/eventsRpc";
import { createTestApp } from "../builders/app";
import type { TestApp } from "../builders/app";
import { register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { eventually } from "../builders/eventually";
import { createSolo } from "../builders/solo";
import type { Solo } from "../builders/solo";

const count = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise);
const ROOMS = count("STALL_ROOMS", 500);
const MEMBERS = count("STALL_MEMBERS", 10_000);
const STATE = count("STALL_STATE", 50_000);
const MEMBERS_EACH = 20;
const MESSAGES_EACH = count("STALL_MESSAGES", 50);
const BATCH = 500;
const LIMIT_MS = 50;

const file = join(mkdtempSync(join(tmpdir(), "synapse-ts-stalls-")), "turns");
let database: TestDatabase;
let solo: Solo;
beforeAll(async () => {
  database = await createTestDatabase();
  const { host, port, user } = database.options;
  solo = await createSolo({
    shared: { database: { name: "psycopg2", args: { host, port, user, dbname: database.name } }, allow_public_rooms_without_auth: true },
    environment: {
      NODE_OPTIONS: `--require ${join(__dirname, "stallProbe.js")}`,
      STALL_FILE: file,
      ...(process.env["STALL_PROFILE"] && { STALL_PROFILE: process.env["STALL_PROFILE"] }),
    },
  });
});
afterAll(async () => {
  await solo?.close();
  await database?.drop();
});

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const id = (i: number): string => `@member${i}:test.local`;
const joining = (roomId: string, sender: string, name: string): SendIntent =>
  sendIntent({ roomId, sender, type: "m.room.member", content: { membership: "join", displayname: name } }, { stateKey: sender });

async function sendMany({ app }: TestApp, intents: readonly SendIntent[]): Promise<void> {
  for (let i = 0; i < intents.length; i += BATCH) {
    const refused = (await sendAll(app, intents.slice(i, i + BATCH))).find((outcome) => "refused" in outcome);
    if (refused) throw new Error(JSON.stringify(refused));
  }
}

const newRoom = async ({ app }: TestApp, creator: string, name: string): Promise<string> =>
  (await createRoom(app, requesterFor(creator), { preset: "public_chat", visibility: "public", name, topic: `About ${name}` })).roomId;

/** Past HTTP and the handlers, whose checks take longer than the writing of so many events. The process must not run. */
async function fill<T>(work: (test: TestApp) => Promise<T>): Promise<T> {
  const limit = { per_second: 1e6, burst_count: 1e6 };
  const test = await createTestApp({ rc_message: limit, rc_room_creation: limit }, database);
  try {
    return await work(test);
  } finally {
    await test.stop();
  }
}

async function manyRooms(test: TestApp, alice: string): Promise<void> {
  for (let i = 0; i < ROOMS; i++) {
    const roomId = await newRoom(test, alice, `Room ${i}`);
    const members = Array.from({ length: MEMBERS_EACH - 1 }, (_, m) => id((i * 7 + m) % 200));
    await sendMany(
      test,
      members.map((member) => joining(roomId, member, `Member ${member}`)),
    );
    const body = "Some words that people say to each other in a room like this one. ".repeat(2);
    const messages = Array.from({ length: MESSAGES_EACH }, (_, m) =>
      sendIntent({
        roomId,
        sender: members[m % members.length] ?? "",
        type: "m.room.message",
        content: { msgtype: "m.text", body: `${m} ${body}` },
      }),
    );
    await sendMany(test, messages);
    if ((i + 1) % 100 === 0) say(`${i + 1} rooms`);
  }
}

async function largeRoom(test: TestApp, alice: string): Promise<string> {
  const large = await newRoom(test, alice, "Large");
  await sendMany(
    test,
    Array.from({ length: MEMBERS - 1 }, (_, i) => joining(large, id(i), `Member ${i}`)),
  );
  const state = (i: number) =>
    sendIntent({ roomId: large, sender: alice, type: "org.example.state", content: { i } }, { stateKey: String(i) });
  await sendMany(
    test,
    Array.from({ length: STATE - MEMBERS }, (_, i) => state(i)),
  );
  const text = (i: number) =>
    sendIntent({ roomId: large, sender: id(i % 100), type: "m.room.message", content: { msgtype: "m.text", body: `${i}` } });
  await sendMany(
    test,
    Array.from({ length: 2_000 }, (_, i) => text(i)),
  );
  return large;
}

const lines = (): string[] => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);

interface Turns {
  /** Ms of CPU time, longest first. */
  readonly longest: readonly number[];
  readonly turns: number;
}

/** The turns of the event loop while a request is answered. */
async function turnsOf(work: () => Promise<unknown>): Promise<Turns> {
  const before = lines().length;
  process.kill(solo.process().pid, "SIGUSR2");
  await work();
  process.kill(solo.process().pid, "SIGUSR2");
  await eventually(() => lines().length > before, 60_000);
  return JSON.parse(lines().at(-1) ?? "") as Turns;
}

type Requests = Record<string, (client: TestClient) => Promise<number>>;
const get = (path: string) => (client: TestClient) => download(client, "GET", path);
const lists = (range: number, required: readonly string[][]) => (client: TestClient) =>
  download(client, "POST", "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync", {
    lists: { all: { ranges: [[0, range]], required_state: required, timeline_limit: 20 } },
  });

let profile = 0;
/** Each as after a restart, and once more. Gives those with a turn that takes too long. */
async function tooLong(alice: TestClient, requests: Requests): Promise<string[]> {
  const over: string[] = [];
  for (const [name, request] of Object.entries(requests)) {
    await solo.start();
    for (const time of ["cold", "warm"]) {
      await alice.ok("GET", "/account/whoami");
      const begin = performance.now();
      let bytes = 0;
      const { longest, turns } = await turnsOf(async () => (bytes = await request(alice)));
      const about = `${turns} turns, ${(bytes / 1e6).toFixed(1)} MB, ${(performance.now() - begin).toFixed(0)} ms`;
      say(`${profile++} ${name}, ${time}: ${longest.map((cpu) => cpu.toFixed(0)).join(", ")} ms; ${about}`);
      if ((longest[0] ?? 0) > LIMIT_MS) over.push(`${name}, ${time}: ${longest[0]?.toFixed(0)} ms`);
    }
    await solo.process().stop();
  }
  return over;
}

let alice: TestClient;
test(`no turn of the event loop takes over ${LIMIT_MS} ms for a user in ${ROOMS} rooms`, async () => {
  await solo.start();
  alice = await register(solo.url, "alice");
  await solo.process().stop();
  await fill((app) => manyRooms(app, alice.userId));
  const lazy = encodeURIComponent(JSON.stringify({ room: { state: { lazy_load_members: true } } }));
  const over = await tooLong(alice, {
    "first sync": get("/sync"),
    "first sync, members on demand": get(`/sync?filter=${lazy}`),
    "sliding sync, 20 rooms": lists(19, [
      ["m.room.create", ""],
      ["m.room.member", "$LAZY"],
    ]),
    "sliding sync, all rooms with all state": lists(ROOMS, [["*", "*"]]),
    publicRooms: get("/publicRooms?limit=1000"),
    "old initialSync": get("/initialSync?limit=20"),
  });
  expect(over).toEqual([]);
}, 3_600_000);

test(`nor for a room of ${MEMBERS} members and ${STATE} state events`, async () => {
  const roomId = await fill((app) => largeRoom(app, alice.userId));
  const room = `/rooms/${encodeURIComponent(roomId)}`;
  const over = await tooLong(alice, {
    "messages of 1,000": get(`${room}/messages?dir=b&limit=1000`),
    members: get(`${room}/members`),
    joined_members: get(`${room}/joined_members`),
    state: get(`${room}/state`),
  });
  expect(over).toEqual([]);
}, 3_600_000);

/** Reads an answer without looking at it. Gives its bytes. */
async function download({ token }: TestClient, method: string, path: string, body?: object): Promise<number> {
  const url = path.startsWith("/_") ? solo.url + path : `${solo.url}/_matrix/client/v3${path}`;
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` }, ...(body && { body: JSON.stringify(body) }) });
  const { byteLength } = await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
  return byteLength;
}
