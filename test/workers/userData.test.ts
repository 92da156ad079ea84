import { accountDataSince, ignoredUsersOf, readAccountData, setAccountData } from "../../src/handlers/accountData";
import { presenceSince, readPresence, setPresence } from "../../src/handlers/presence";
import { receiptsSince, setReceipt } from "../../src/handlers/receipts";
import { requesterFor } from "../../src/handlers/requester";
import { createRoom } from "../../src/handlers/rooms/createRoom";
import { changeMembership } from "../../src/handlers/rooms/membership";
import { sendRoomEvent } from "../../src/handlers/rooms/messages";
import { sendToDevice, toDeviceSince } from "../../src/handlers/toDevice";
import { setTyping, typistsOf } from "../../src/handlers/typing";
import { MatrixError } from "../../src/errors";
import { systemClock } from "../../src/lib/clock";
import { systemRandom } from "../../src/lib/random";
import { createMetrics } from "../../src/observe/metrics";
import type { Ownership } from "../../src/replication/ownership";
import type { RpcTransport } from "../../src/replication/rpcTransport";
import { createApp } from "../../src/server/app";
import type { RunningApp } from "../../src/server/app";
import { insertDevice } from "../../src/storage/devices";
import { accountDataStream } from "../../src/streams/accountData";
import { presenceStream } from "../../src/streams/presence";
import { receiptsStream } from "../../src/streams/receipts";
import { toDeviceStream } from "../../src/streams/toDevice";
import { quietLog } from "../builders/app";
import { testConfig } from "../builders/config";
import { createTestDatabase } from "../builders/database";
import type { TestDatabase } from "../builders/database";
import { eventually } from "../builders/eventually";
import { createHub } from "../builders/hub";

// Two processes of one deployment, in this one: "main" owns everything but the ephemeral streams and receipts, which "worker" owns.

const hub = createHub();
const processes = new Map<string, RunningApp>();
let database: TestDatabase;
let workerStreams: ReadonlySet<string> = new Set(["typing", "presence", "receipts", "to_device", "account_data"]);
const ownershipChanged: (() => void)[] = [];

function ownershipOf(instance: string): Ownership {
  const ownerOf = (standsFor: string): string => (workerStreams.has(standsFor) ? "worker" : "main");
  return {
    instance,
    ownerOf,
    isMine: (standsFor) => ownerOf(standsFor) === instance,
    isLive: () => true,
    refresh: async () => undefined,
    fence: () => undefined,
    onChange: (fn) => {
      ownershipChanged.push(fn);
      return () => undefined;
    },
  };
}

const transport: RpcTransport = {
  async post(instance, path, body) {
    const rpc = processes.get(instance)?.app.rpc;
    if (!rpc) throw new Error(`there is no ${instance}`);
    try {
      const answer: unknown = await rpc.receive(path.split("/").pop() ?? "", JSON.parse(body));
      return { status: 200, body: JSON.parse(JSON.stringify(answer)) as unknown };
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      return { status: error.status, body: error.body() };
    }
  },
  close: async () => undefined,
};

async function start(instance: string): Promise<RunningApp> {
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
  return running;
}

const alice = requesterFor("@alice:test.local", { deviceId: "A" });
const bob = requesterFor("@bob:test.local", { deviceId: "B" });
let main: RunningApp["app"];
let worker: RunningApp["app"];
let roomId: string;

beforeAll(async () => {
  database = await createTestDatabase({ max: 10 });
  main = (await start("main")).app;
  worker = (await start("worker")).app;
  ({ roomId } = await createRoom(main, alice, { preset: "public_chat" }));
  await changeMembership(main, bob, { roomId, target: bob.userId, action: "join" });
  for (const { userId, deviceId = "" } of [alice, bob])
    await insertDevice(main.db, { userId, deviceId, displayName: undefined, createdTs: 0 });
  await worker.streams.waitFor(main.streams.positions(), 10_000);
});
afterAll(async () => {
  for (const running of processes.values()) await running.stop();
  await database.drop();
});

test("account data written through a process can be read there at once, and elsewhere soon", async () => {
  const target = { userId: alice.userId, type: "org.example" };
  const from = main.streams.position(accountDataStream);
  await setAccountData(main, alice, target, { n: 1 });
  const to = main.streams.position(accountDataStream);
  expect(to).toBe(from + 1);
  expect((await readAccountData(main, alice, target)).text).toBe('{"n":1}');
  expect((await accountDataSince(main, alice.userId, from, to)).global).toHaveLength(1);
  expect(await ignoredUsersOf(main, alice.userId)).toEqual(new Set());
  await setAccountData(worker, alice, { ...target, type: "m.ignored_user_list" }, { ignored_users: { "@x:y": {} } });
  await eventually(async () => (await ignoredUsersOf(main, alice.userId)).has("@x:y"));
});

test("a receipt sent at one process is seen at the other, out of memory", async () => {
  const { eventId } = await sendRoomEvent(main, alice, { roomId, type: "m.room.message", content: { body: "x" } });
  const from = main.streams.position(receiptsStream);
  const listener = worker.notifier.listener(alice.userId, [roomId]);
  await setReceipt(main, bob, { roomId, receiptType: "m.read", eventId });
  expect(await listener.wait(10_000)).toBe(true);
  listener.close();
  for (const app of [main, worker]) {
    const noDatabase = { ...app, db: (() => Promise.reject(new Error("a query"))) as unknown as typeof app.db };
    const seen = await receiptsSince(noDatabase, {
      roomIds: [roomId],
      from,
      to: app.streams.position(receiptsStream),
      userId: alice.userId,
    });
    expect(Object.keys(seen.get(roomId)?.toJSON() as object)).toEqual([eventId]);
  }
});

test("a lost message is made good from the database", async () => {
  const { eventId } = await sendRoomEvent(main, alice, { roomId, type: "m.room.message", content: { body: "y" } });
  const from = main.streams.position(receiptsStream);
  const { eventId: second } = await sendRoomEvent(main, alice, { roomId, type: "m.room.message", content: { body: "z" } });
  const publish = worker.streams.publish.bind(worker.streams);
  worker.streams.publish = (stream, rows) => hub.loseMessages(() => publish(stream, rows));
  await setReceipt(worker, bob, { roomId, receiptType: "m.read", eventId });
  worker.streams.publish = publish;
  await setReceipt(worker, bob, { roomId, receiptType: "m.read.private", eventId: second });
  await eventually(() => main.streams.position(receiptsStream) === from + 2);
  const range = { roomIds: [roomId], from, to: from + 2, userId: bob.userId };
  expect(Object.keys((await receiptsSince(main, range)).get(roomId)?.toJSON() as object)).toEqual([eventId, second]);
});

test("to-device messages cross processes once and in order", async () => {
  const from = main.streams.position(toDeviceStream);
  for (let n = 0; n < 10; n++) {
    const app = n % 2 ? main : worker;
    await sendToDevice(app, alice, { eventType: "my.type", txnId: `${n}`, messages: { [bob.userId]: { B: { n } } } });
    await sendToDevice(n % 2 ? worker : main, alice, { eventType: "my.type", txnId: `${n}`, messages: { [bob.userId]: { B: { n } } } });
  }
  await eventually(() => main.streams.position(toDeviceStream) === from + 10);
  const { events, position } = await toDeviceSince(main, { userId: bob.userId, deviceId: "B" }, from, from + 10);
  expect(events.map((event) => (event.toJSON() as { content: { n: number } }).content.n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect((await toDeviceSince(worker, { userId: bob.userId, deviceId: "B" }, position, position)).events).toEqual([]);
  expect((await toDeviceSince(main, { userId: bob.userId, deviceId: "B" }, 0, position)).events).toEqual([]);
});

test("typing is known everywhere, and dies with its writer", async () => {
  const typing = { roomId, userId: alice.userId, typing: true, timeoutMs: undefined };
  await setTyping(main, alice, typing);
  expect(typistsOf(main, roomId)).toEqual([alice.userId]);
  expect(typistsOf(worker, roomId)).toEqual([alice.userId]);
  workerStreams = new Set([...workerStreams].filter((name) => name !== "typing"));
  for (const fn of ownershipChanged) fn();
  await setTyping(worker, bob, { ...typing, userId: bob.userId });
  await eventually(() => [main, worker].every((app) => typistsOf(app, roomId).join() === bob.userId));
});

test("presence is known everywhere, and survives its writer", async () => {
  const from = main.streams.position(presenceStream);
  await setPresence(main, alice, { userId: alice.userId, presence: "online", statusMsg: "here" });
  await eventually(async () => (await readPresence(main, bob, alice.userId)).status_msg === "here");
  expect(await presenceSince(worker, { userId: bob.userId, from: undefined })).toMatchObject([{ sender: alice.userId }]);
  expect((await presenceSince(main, { userId: bob.userId, from })).map(({ sender }) => sender)).toContain(alice.userId);
  const end = main.userData.presenceReporter.begin(bob.userId, "B", "online");
  const told = jest.spyOn(main.userData.presenceWriter, "report");
  await eventually(async () => (await readPresence(worker, alice, bob.userId)).presence === "online");
  // As when a process stops: what it knows is written, and another one takes over.
  await worker.userData.presenceWriter.close();
  workerStreams = new Set([...workerStreams].filter((name) => name !== "presence"));
  for (const fn of ownershipChanged) fn();
  await eventually(() => [main, worker].every((app) => app.userData.presence.get(bob.userId)?.state === "online"));
  expect(await readPresence(worker, bob, alice.userId)).toMatchObject({ presence: "online", status_msg: "here" });
  // The new writer hears at once who syncs, not only when somebody comes or goes.
  await eventually(() => told.mock.calls.some(([report]) => report.full && report.started.some(({ userId }) => userId === bob.userId)));
  end();
});
