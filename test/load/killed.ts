/**
 * What people notice when a process is killed and comes back half a minute later: of a deployment of ours, and of a real Synapse with the same
 * files. Not among the tests, since it takes minutes: npx jest --testMatch '<rootDir>/test/load/killed.ts'
 * SYNAPSE_TS_LOAD_SERVERS=ours measures one of them alone.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { rendezvous } from "../../src/replication/rendezvous";
import { attempt, v3 } from "../builders/attempt";
import { history, register } from "../builders/client";
import type { TestClient } from "../builders/client";
import { startDeployment } from "../builders/deployment";
import type { TestDeployment } from "../builders/deployment";
import { eventually } from "../builders/eventually";
import { startNginx } from "../builders/nginx";
import { startCommand } from "../builders/process";
import { requirePython } from "../federation/synapse";
import { messagesOf } from "../faults/crew";

const SERVERS = (process.env["SYNAPSE_TS_LOAD_SERVERS"] ?? "ours,synapse").split(",");
const DOWN_MS = 30_000;
/** After it is back, until the next one is killed. */
const REST_MS = 10_000;
const PACE_MS = 400;
const RETRY_MS = 100;
const SYNC_MS = 2_000;
/** As long as something may still come to somebody. */
const PATIENCE_MS = 30_000;
/** Of each writer; everybody is in all of them, and one person writes in each. */
const ROOMS = 3;

const persisters = ["persister1", "persister2"];
const workers = ["generic1", "generic2", ...persisters];
const shared = { stream_writers: { events: persisters }, presence: { enabled: false } };
const FILTER = JSON.stringify({ room: { timeline: { limit: 1_000 } } });

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const inPath = encodeURIComponent;

interface Server {
  readonly start: () => Promise<TestDeployment>;
  /** Who writes a room while both writers live. */
  readonly writerOf: (deployment: TestDeployment, roomId: string) => Promise<string | undefined>;
}

/** Main first: it makes the tables. */
async function startRealSynapse(): Promise<TestDeployment> {
  const python = requirePython();
  const command = (files: readonly string[]) => [
    ...[python, "-m", files.length > 1 ? "synapse.app.generic_worker" : "synapse.app.homeserver"],
    ...files.flatMap((file) => ["-c", file]),
  ];
  const deployment = await startDeployment({
    workers: [],
    later: workers,
    shared,
    empty: true,
    program: (directory, files) => startCommand(command(files), directory),
  });
  await Promise.all(workers.map((name) => deployment.start(name)));
  return deployment;
}

const servers: Readonly<Record<string, Server>> = {
  ours: { start: () => startDeployment({ workers, shared }), writerOf: async (_, roomId) => rendezvous(persisters, roomId) },
  synapse: {
    start: startRealSynapse,
    async writerOf({ database }, roomId) {
      const [row] = await database.db<{ name: string }>`select instance_name as name from events where room_id = ${roomId} limit 1`;
      return row?.name;
    },
  },
};

interface Message {
  readonly roomId: string;
  readonly invoked: number;
  acknowledged: number;
  id?: string;
  /** Attempts that were refused, or given up after some seconds. */
  failed: number;
  /** When the last of all clients had it. */
  seen: number;
  readonly unseen: Set<string>;
}

interface Crew {
  readonly messages: readonly Message[];
  finish(): Promise<void>;
}

function startCrew(url: string, seats: readonly { readonly client: TestClient; readonly roomId: string }[]): Crew {
  const messages: Message[] = [];
  const byKey = new Map<string, Message>();
  let finishing = false;
  let closing = false;

  async function write(client: TestClient, roomId: string): Promise<void> {
    for (let n = 0; !finishing; n++) {
      const key = `${client.userId} ${n}`;
      const unseen = new Set(seats.map((seat) => seat.client.userId));
      const message: Message = { roomId, invoked: performance.now(), acknowledged: Infinity, failed: 0, seen: Infinity, unseen };
      messages.push(message);
      byKey.set(key, message);
      const path = v3(`/rooms/${inPath(roomId)}/send/m.room.message/${inPath(key)}`);
      while (message.id === undefined && !closing) {
        const { status, body } = await attempt(url, client, "PUT", path, { msgtype: "m.text", body: key });
        if (status === 200) {
          message.id = body.event_id;
          message.acknowledged = performance.now();
        } else {
          message.failed++;
          await sleep(RETRY_MS);
        }
      }
      await sleep(PACE_MS);
    }
  }

  async function read(client: TestClient): Promise<void> {
    let since: string | undefined;
    while (!closing) {
      const query = new URLSearchParams({ filter: FILTER, timeout: String(SYNC_MS), ...(since !== undefined && { since }) });
      const { status, body } = await attempt(url, client, "GET", v3(`/sync?${query.toString()}`));
      if (status !== 200) {
        await sleep(RETRY_MS);
        continue;
      }
      since = body.next_batch;
      for (const room of Object.values(body.rooms?.join ?? {}) as { timeline: { events: [] } }[])
        for (const event of messagesOf(room.timeline.events)) {
          const message = byKey.get(event.body);
          message?.unseen.delete(client.userId);
          if (message?.unseen.size === 0) message.seen = Math.min(message.seen, performance.now());
        }
    }
  }

  const writers = seats.map(({ client, roomId }) => write(client, roomId));
  const readers = seats.map(({ client }) => read(client));
  return {
    messages,
    async finish() {
      finishing = true;
      await Promise.race([Promise.all(writers), sleep(PATIENCE_MS, undefined, { ref: false })]);
      await eventually(() => messages.every(({ id, unseen }) => id === undefined || unseen.size === 0), PATIENCE_MS).catch(() => undefined);
      closing = true;
      await Promise.all([...writers, ...readers]);
    },
  };
}

const seconds = (ms: number): string => (Number.isFinite(ms) ? (ms / 1_000).toFixed(ms < 10_000 ? 2 : 1) : "never");

/** Of the messages that were on their way while somebody was away. */
function figures(title: string, messages: readonly Message[], from: number, to: number): string {
  const during = messages.filter(({ invoked, acknowledged }) => invoked < to && acknowledged > from);
  const sorted = (times: readonly number[]): number[] => times.toSorted((a, b) => a - b);
  const waits = sorted(during.map(({ invoked, acknowledged }) => acknowledged - invoked));
  const arrivals = sorted(during.map(({ invoked, seen }) => seen - invoked));
  const failed = during.reduce((sum, one) => sum + one.failed, 0);
  const times = [waits, arrivals].flatMap((all) => [all[Math.floor(all.length / 2)] ?? NaN, all.at(-1) ?? NaN]);
  return [title, during.length, failed, ...times.map(seconds)].join(" | ");
}

/** Acknowledged messages that are not in their room exactly once, asked at two processes. */
async function lost(deployment: TestDeployment, client: TestClient, messages: readonly Message[]): Promise<number> {
  let count = 0;
  for (const roomId of new Set(messages.map((message) => message.roomId)))
    for (const place of ["main", "generic2"]) {
      const ids = messagesOf(await history(client.on(deployment.url(place)), roomId)).map(({ id }) => id);
      const own = messages.filter((message) => message.roomId === roomId && message.id !== undefined);
      count += own.filter(({ id }) => ids.filter((one) => one === id).length !== 1).length;
    }
  return count;
}

async function seatsAt(url: string, { writerOf }: Server, deployment: TestDeployment) {
  const clients: TestClient[] = [];
  for (let i = 0; i < ROOMS * persisters.length; i++) clients.push(await register(url, `client${i}`));
  const [first] = clients as [TestClient];
  const rooms = new Map(persisters.map((name): [string, string[]] => [name, []]));
  while ([...rooms.values()].some(({ length }) => length < ROOMS)) {
    const roomId = await first.createRoom({ preset: "public_chat" });
    const of = rooms.get((await writerOf(deployment, roomId)) ?? "");
    if (!of || of.length >= ROOMS) continue;
    of.push(roomId);
    for (const client of clients.slice(1)) await client.join(roomId);
  }
  const all = [...rooms.values()].flat();
  return { own: new Set(rooms.get("persister1")), seats: clients.map((client, i) => ({ client, roomId: all[i] ?? "" })) };
}

async function measure(name: string, server: Server): Promise<number> {
  const deployment = await server.start();
  try {
    const files = readdirSync(deployment.directory).filter((file) => /^generic.*\.yaml$/.test(file));
    const proxy = await startNginx(
      join(deployment.directory, "homeserver.yaml"),
      files.map((file) => join(deployment.directory, file)),
    );
    try {
      const { own, seats } = await seatsAt(proxy.url, server, deployment);
      const crew = startCrew(proxy.url, seats);
      const begin = performance.now();
      await sleep(REST_MS);
      const undisturbed = performance.now();
      const away: { target: string; from: number; to: number }[] = [];
      for (const target of ["persister1", "generic1", "main"]) {
        const from = performance.now();
        await deployment.process(target).kill();
        await sleep(DOWN_MS);
        await deployment.start(target);
        away.push({ target, from, to: performance.now() });
        await sleep(REST_MS);
      }
      await crew.finish();
      const row = (title: string, messages: readonly Message[], from: number, to: number) =>
        say(figures(`${name}: ${title}`, messages, from, to));
      // Not those whose writer is killed while they are on their way.
      const before = crew.messages.filter(({ acknowledged }) => acknowledged < undisturbed);
      row("nobody", before, begin, undisturbed);
      for (const { target, from, to } of away) {
        const [its, others] = [true, false].map((is) => crew.messages.filter(({ roomId }) => own.has(roomId) === is));
        say(`${name}: ${target} was away for ${seconds(to - from)} s`);
        if (target !== "persister1") row(target, crew.messages, from, to);
        else {
          row(`${target}, its rooms`, its ?? [], from, to);
          row(`${target}, other rooms`, others ?? [], from, to);
        }
      }
      const acknowledged = crew.messages.filter(({ id }) => id !== undefined);
      const missing = await lost(deployment, (seats[0] as (typeof seats)[number]).client, crew.messages);
      const unseen = acknowledged.filter((message) => message.unseen.size > 0).length;
      say(`${name}: ${acknowledged.length} acknowledged, ${missing} not there exactly once, ${unseen} that somebody's syncs lack`);
      return missing + unseen;
    } finally {
      await proxy.stop();
    }
  } finally {
    // How they stop is not what is measured.
    await Promise.all(["main", ...workers].filter((one) => deployment.has(one)).map((one) => deployment.process(one).kill()));
    await deployment.close();
  }
}

test("what is acknowledged is there, whoever is killed", async () => {
  say(
    "who was killed | messages on their way | attempts that failed | acknowledged after s: median | worst | with everybody after s: median | worst",
  );
  const problems = new Map<string, number>();
  for (const name of SERVERS) problems.set(name, await measure(name, servers[name] as Server));
  if (problems.has("ours")) expect(problems.get("ours")).toBe(0);
  expect(problems.size).toBe(SERVERS.length);
}, 1_800_000);
