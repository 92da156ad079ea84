import { requesterFor } from "../../../src/handlers/requester";
import { receiveToDevice, sendToDevice, toDeviceSince } from "../../../src/handlers/toDevice";
import type { ToDeviceBatch } from "../../../src/handlers/toDevice";
import type { JsonObject } from "../../../src/lib/json";
import { deleteDevices, insertDevice } from "../../../src/storage/devices";
import { deleteOutboxUpTo, outboxOf, purgeToDevice, toDeviceMessages, toDeviceStreamBetween } from "../../../src/storage/toDevice";
import { toDeviceStream } from "../../../src/streams/toDevice";
import { createTestApp } from "../../builders/app";
import type { TestApp } from "../../builders/app";

let server: TestApp;
const alice = requesterFor("@alice:test.local", { deviceId: "A" });
let txns = 0;

beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server.close());

const position = (): number => server.app.streams.position(toDeviceStream);

async function user(localpart: string, ...deviceIds: string[]): Promise<string> {
  const userId = `@${localpart}:test.local`;
  for (const deviceId of deviceIds) await insertDevice(server.app.db, { userId, deviceId, displayName: undefined, createdTs: 0 });
  return userId;
}

function send(messages: JsonObject, txnId = `auto ${txns++}`, eventType = "my.type"): Promise<void> {
  return sendToDevice(server.app, alice, { eventType, txnId, messages });
}

function sync(userId: string, deviceId: string, from: number): Promise<ToDeviceBatch> {
  return toDeviceSince(server.app, { userId, deviceId }, from, position());
}

const contents = (batch: ToDeviceBatch): unknown[] => batch.events.map((event) => (event.toJSON() as JsonObject)["content"]);

test("a message waits until the client comes back with the next token, and is gone then", async () => {
  const userId = await user("b", "B");
  const start = await sync(userId, "B", 0);
  expect(start.events).toEqual([]);
  await send({ [userId]: { B: { n: 1 } } });
  const first = await sync(userId, "B", start.position);
  expect(JSON.parse(JSON.stringify(first.events))).toEqual([{ type: "my.type", sender: alice.userId, content: { n: 1 } }]);
  expect(contents(await sync(userId, "B", start.position))).toEqual([{ n: 1 }]);
  expect(contents(await sync(userId, "B", 0))).toEqual([{ n: 1 }]);
  expect((await sync(userId, "B", first.position)).events).toEqual([]);
  expect((await sync(userId, "B", start.position)).events).toEqual([]);
  expect(await toDeviceMessages(server.app.db, { userId, deviceId: "B" }, { from: 0, to: position(), limit: 10 })).toEqual([]);
  await send({ [userId]: { B: { n: 2 } } });
  expect(contents(await sync(userId, "B", first.position))).toEqual([{ n: 2 }]);
});

test("a request for room keys goes to every device, and what takes it back comes after it, also to one that sees both at once", async () => {
  const userId = await user("keys", "K1", "K2", "K3");
  const requester = requesterFor(userId, { deviceId: "K1" });
  const key = { algorithm: "m.megolm.v1.aes-sha2", room_id: "!r:test.local", sender_key: "k", session_id: "s" };
  const request = { action: "request", body: key, request_id: "r1", requesting_device_id: "K1" };
  const cancellation = { action: "request_cancellation", request_id: "r1", requesting_device_id: "K1" };
  const ask = (content: JsonObject) =>
    sendToDevice(server.app, requester, {
      eventType: "m.room_key_request",
      txnId: `keys ${txns++}`,
      messages: { [userId]: { "*": content } },
    });
  const start = await sync(userId, "K2", 0);
  await ask(request);
  const first = await sync(userId, "K2", start.position);
  expect(JSON.parse(JSON.stringify(first.events))).toEqual([{ type: "m.room_key_request", sender: userId, content: request }]);
  await ask(cancellation);
  expect(contents(await sync(userId, "K2", first.position))).toEqual([cancellation]);
  expect(contents(await sync(userId, "K3", start.position))).toEqual([request, cancellation]);
});

test("the same transaction again changes nothing, also at once; of another type it is another one", async () => {
  const userId = await user("txn", "D");
  await Promise.all([send({ [userId]: { D: { n: 1 } } }, "t1"), send({ [userId]: { D: { n: 1 } } }, "t1")]);
  await send({ [userId]: { D: { n: 1 } } }, "t1");
  await send({ [userId]: { D: { n: 2 } } }, "t1", "other.type");
  await send({ [userId]: { D: { n: 3 } } }, "x".repeat(5_000));
  await send({ [userId]: { D: { n: 3 } } }, "x".repeat(5_000));
  expect(contents(await sync(userId, "D", 0))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test("a wildcard reaches all devices, unknown ones are dropped", async () => {
  const userId = await user("wild", "W1", "W2");
  await send({ [userId]: { "*": { all: true }, W2: { only: 2 }, nobody: {}, ["x".repeat(600)]: {} }, "@nobody:test.local": { "*": {} } });
  expect(contents(await sync(userId, "W1", 0))).toEqual([{ all: true }]);
  expect(contents(await sync(userId, "W2", 0))).toEqual([{ all: true }, { only: 2 }]);
});

test("in order and a hundred at a time, each once", async () => {
  const userId = await user("order", "O");
  const other = await user("order2", "O");
  const sent = Array.from({ length: 250 }, (_, n) => send({ [n % 3 ? userId : other]: { O: { n } } }));
  await Promise.all(sent);
  const got: unknown[] = [];
  for (let from = 0; ;) {
    const batch = await sync(userId, "O", from);
    expect(batch.events.length).toBeLessThanOrEqual(100);
    got.push(...contents(batch));
    if (batch.events.length === 0) break;
    from = batch.position;
  }
  expect(got).toEqual(Array.from({ length: 250 }, (_, n) => ({ n })).filter(({ n }) => n % 3));
});

test("a client that only polls costs no query once its inbox is known to be empty", async () => {
  const userId = await user("idle", "I");
  const first = await sync(userId, "I", 0);
  await send({ [await user("busy", "X")]: { X: {} } });
  const app = { ...server.app, db: (() => Promise.reject(new Error("a query"))) as unknown as TestApp["app"]["db"] };
  const second = await toDeviceSince(app, { userId, deviceId: "I" }, first.position, position());
  expect(second).toEqual({ events: [], position: position() });
});

test("messages go with their device", async () => {
  const userId = await user("gone", "G");
  await send({ [userId]: { G: { n: 1 } } });
  await deleteDevices(server.app.db, userId, ["G"]);
  await user("gone", "G");
  expect((await sync(userId, "G", 0)).events).toEqual([]);
});

test("the stream has no gaps, and tells the same afterwards", async () => {
  const { app } = server;
  const [a, b] = [await user("gapa", "1", "2", "3"), await user("gapb", "1", "2")];
  const before = position();
  const heard: { id: number; entity: string }[] = [];
  const stop = app.streams.subscribe(toDeviceStream, (rows) => heard.push(...rows.map(({ id, row }) => ({ id, entity: row.entity }))));
  await send({ [a]: { "*": {} }, [b]: { "*": {} } });
  stop();
  expect(position()).toBe(before + 5);
  expect(heard[0]?.id).toBe(before + 1);
  expect(new Set(heard.map(({ entity }) => entity))).toEqual(new Set([a, b]));
  expect(await toDeviceStreamBetween(app.db, before, position())).toEqual([
    { id: before + 3, row: { entity: a } },
    { id: before + 5, row: { entity: b } },
  ]);
});

test("messages for other servers wait in the outbox, once", async () => {
  const { app } = server;
  const messages = { "@r:remote.test": { R: { n: 1 }, "*": { n: 2 } }, "@s:remote.test": { S: {} }, "@t:third.test": { T: {} } };
  await send(messages, "remote");
  await send(messages, "remote");
  const waiting = await outboxOf(app.db, "remote.test", position(), 10);
  expect(waiting.map(({ content }) => JSON.parse(content) as unknown)).toEqual([
    {
      sender: alice.userId,
      type: "my.type",
      message_id: expect.stringMatching(/^[a-zA-Z]{16}$/),
      messages: { "@r:remote.test": { R: { n: 1 }, "*": { n: 2 } }, "@s:remote.test": { S: {} } },
    },
  ]);
  await deleteOutboxUpTo(app.db, "remote.test", position());
  expect(await outboxOf(app.db, "remote.test", position(), 10)).toEqual([]);
  expect(await outboxOf(app.db, "third.test", position(), 10)).toHaveLength(1);
});

test("messages of other servers: once by message id, for our users, in the name of theirs", async () => {
  const { app } = server;
  const userId = await user("inbound", "N");
  const content = {
    sender: "@r:remote.test",
    type: "my.type",
    message_id: "m1",
    messages: { [userId]: { N: { n: 1 } }, "@x:elsewhere": { Y: {} } },
  };
  await receiveToDevice(app, "remote.test", content);
  await receiveToDevice(app, "remote.test", content);
  await receiveToDevice(app, "other.test", { ...content, message_id: "m2" });
  await receiveToDevice(app, "remote.test", { ...content, message_id: "m3", messages: 5 });
  expect(contents(await sync(userId, "N", 0))).toEqual([{ n: 1 }]);
});

test("forgotten transactions may come again", async () => {
  const userId = await user("purge", "P");
  await send({ [userId]: { P: { n: 1 } } }, "purged");
  await purgeToDevice(server.app.db, server.app.clock.now() + 1, 0);
  await send({ [userId]: { P: { n: 2 } } }, "purged");
  expect(contents(await sync(userId, "P", 0))).toEqual([{ n: 1 }, { n: 2 }]);
});

test.each<[JsonObject, number, string]>([
  [{ "@a:test.local": 5 }, 400, "M_BAD_JSON"],
  [{ "@a:test.local": { D: "text" } }, 400, "M_BAD_JSON"],
  [{ nonsense: { D: {} } }, 400, "M_INVALID_PARAM"],
  [{ "@a:test.local": { D: { text: "x".repeat(65_536) } } }, 413, "M_TOO_LARGE"],
  [{ "@a:test.local": { D: { text: "ü".repeat(33_000) } } }, 413, "M_TOO_LARGE"],
])("refusal %#", async (messages, status, errcode) => {
  await expect(send(messages)).rejects.toMatchObject({ status, errcode });
});
