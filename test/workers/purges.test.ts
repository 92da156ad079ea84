import { deletion, startDelete } from "../../src/handlers/admin/deleteRoom";
import { purgeStatus, startPurge } from "../../src/handlers/admin/purgeHistory";
import { requesterFor } from "../../src/handlers/requester";
import { createRoom } from "../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../src/handlers/rooms/membership";
import { sendRoomEvent } from "../../src/handlers/rooms/messages";
import { systemClock } from "../../src/lib/clock";
import { systemRandom } from "../../src/lib/random";
import { createMetrics } from "../../src/observe/metrics";
import type { Ownership } from "../../src/replication/ownership";
import type { RpcTransport } from "../../src/replication/rpcTransport";
import { createApp } from "../../src/server/app";
import type { RunningApp } from "../../src/server/app";
import { quietLog } from "../builders/app";
import { testConfig } from "../builders/config";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { eventually } from "../builders/eventually";
import { createHub } from "../builders/hub";

// Two processes of one deployment, in this one: "worker" writes events, "main" has all the duties.

const hub = createHub();
const processes = new Map<string, RunningApp>();
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });
let database: TestDatabase;
let main: RunningApp["app"];
let worker: RunningApp["app"];

function ownershipOf(instance: string): Ownership {
  const ownerOf = (standsFor: string): string => (standsFor === "events" ? "worker" : "main");
  return {
    instance,
    ownerOf,
    isMine: (standsFor) => ownerOf(standsFor) === instance,
    isLive: () => true,
    refresh: async () => undefined,
    fence: () => undefined,
    onChange: () => () => undefined,
  };
}

const transport: RpcTransport = {
  async post(instance, path, body) {
    const rpc = processes.get(instance)?.app.rpc;
    if (!rpc) throw new Error(`there is no ${instance}`);
    const answer: unknown = await rpc.receive(path.split("/").pop() ?? "", JSON.parse(body));
    return { status: 200, body: JSON.parse(JSON.stringify(answer)) as unknown };
  },
  close: async () => undefined,
};

async function start(instance: string): Promise<RunningApp["app"]> {
  const config = testConfig();
  const running = createApp({
    config: { ...config, derived: { ...config.derived, instanceName: instance } },
    db: database.db,
    clock: systemClock,
    random: systemRandom,
    log: quietLog,
    metrics: createMetrics(config.server_name),
    deployment: { bus: hub.endpoint(), ownership: ownershipOf(instance), transport },
  });
  processes.set(instance, running);
  await running.start();
  return running.app;
}

beforeAll(async () => {
  database = await createTestDatabase({ max: 10 });
  main = await start("main");
  worker = await start("worker");
});
afterAll(async () => {
  for (const running of processes.values()) await running.stop();
  await database.drop();
});

async function roomOfTwo(): Promise<{ roomId: string; say: (body: string) => Promise<string> }> {
  const { roomId } = await createRoom(main, alice, { preset: "public_chat" });
  await changeMembership(main, bob, { roomId, target: bob.userId, action: "join" });
  const say = async (body: string): Promise<string> =>
    (await sendRoomEvent(main, alice, { roomId, type: "m.room.message", content: { body } })).eventId;
  return { roomId, say };
}

test("history that is purged at one process is forgotten by all, and the writer goes on", async () => {
  const { roomId, say } = await roomOfTwo();
  const [first, last] = [await say("one"), await say("two")];
  // Both remember it.
  for (const app of [main, worker]) expect(await app.caches.events.byId(first)).toBeDefined();
  const id = await startPurge(worker, { roomId, eventId: last, ts: undefined, deleteLocal: true });
  await eventually(async () => (await purgeStatus(worker, id)).status === "complete");
  for (const app of [main, worker]) await eventually(async () => (await app.caches.events.byId(first)) === undefined);
  const next = await say("three");
  expect((await main.caches.events.byId(next))?.event.prevEvents).toEqual([last]);
});

test("a room that is deleted is forgotten by all", async () => {
  const { roomId, say } = await roomOfTwo();
  await say("hello");
  const nid = (await main.caches.rooms.byId(roomId))?.nid ?? 0;
  const knows = async (app: typeof main): Promise<boolean[]> => [
    (await app.caches.rooms.byId(roomId)) !== undefined,
    (await app.caches.memberships.ofUser(bob.userId)).has(nid),
    (await app.caches.roomState.current(nid)) !== undefined,
  ];
  for (const app of [main, worker]) expect(await knows(app)).toEqual([true, true, true]);
  const request = { roomId, newRoomUserId: undefined, roomName: undefined, message: undefined };
  const id = await startDelete(worker, alice, { ...request, block: false, purge: true, force: false, evict: true });
  for (const app of [main, worker]) await eventually(async () => !(await knows(app)).includes(true));
  await expect(say("anybody?")).rejects.toMatchObject({ status: 404 });
  await eventually(async () => (await deletion(main, id)).status === "complete");
});
