import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { MatrixError } from "../../../src/errors";
import type { JsonObject } from "../../../src/lib/json";
import { systemClock } from "../../../src/lib/clock";
import { systemRandom } from "../../../src/lib/random";
import { createRpc } from "../../../src/replication/createRpc";
import type { Ownership } from "../../../src/replication/ownership";
import { soloOwnership } from "../../../src/replication/ownership";
import { defineRpc } from "../../../src/replication/rpc";
import type { AnyRpc, Rpc } from "../../../src/replication/rpc";
import { createRpcTransport } from "../../../src/replication/rpcTransport";
import type { InstanceAddress } from "../../../src/replication/rpcTransport";
import { createHub } from "../../builders/hub";
import { freePort } from "../../builders/redis";
import { quietLog, receiptTable, testProcess } from "../../builders/replication";

interface TestApp {
  readonly instance: string;
  handled: string[][];
  write: (roomIds: readonly string[]) => void;
}

const send = defineRpc({
  name: "send",
  owner: (input: { roomId: string }) => ({ stream: "receipts", key: input.roomId }),
  batch: 8,
  timeoutMs: 20_000,
  handle: async (app: TestApp, inputs) => {
    const roomIds = inputs.map(({ roomId }) => roomId);
    app.handled.push(roomIds);
    if (roomIds.includes("!broken")) throw new Error("secret details");
    app.write(roomIds);
    return roomIds.map((roomId) =>
      roomId === "!forbidden" ? new MatrixError(403, "M_FORBIDDEN", "No", { soft: true }) : `${app.instance} ${roomId}`,
    );
  },
});
const single = defineRpc({
  name: "single",
  owner: (input: { to: string }) => ({ instance: input.to }),
  repeatable: true,
  handle: async (app: TestApp, inputs) => {
    app.handled.push(inputs.map(({ to }) => to));
    return inputs.map(() => ({ from: app.instance }));
  },
});
const defs = [send, single] as readonly AnyRpc[];
const secret = "a secret";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The replication listener of a process, with accidents to order. */
async function listen(port: number, rpc: () => Rpc) {
  const accidents: ("cutBefore" | "cutAfter")[] = [];
  const paths: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    paths.push(request.url ?? "");
    const accident = accidents.shift();
    if (accident === "cutBefore") return request.socket.destroy();
    let status = 200;
    let answer: object;
    try {
      if (request.headers.authorization !== `Bearer ${secret}`) throw new MatrixError(401, "M_UNAUTHORIZED", "Wrong secret");
      answer = await rpc().receive((request.url ?? "").split("/").at(-1) ?? "", JSON.parse(Buffer.concat(chunks).toString()));
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      status = error.status;
      answer = error.body();
    }
    if (accident === "cutAfter") return request.socket.destroy();
    response.writeHead(status).end(JSON.stringify(answer));
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  closing.push(stop);
  return { accidents, paths, stop, port: (server.address() as AddressInfo).port };
}

async function deployment(told?: () => Promise<void>) {
  const hub = createHub();
  const table = receiptTable();
  const owner = { name: "w2", live: new Set(["w1", "w2", "w3"]) };
  const ports = { w1: await freePort(), w2: await freePort(), w3: await freePort() };
  const addresses: Record<string, InstanceAddress> = Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [name, { host: "127.0.0.1", port }]),
  );

  async function start(instance: keyof typeof ports) {
    const { streams } = testProcess({ defs: [table.stream], bus: hub.endpoint(), instance });
    await streams.start();
    const app: TestApp = {
      instance,
      handled: [],
      write: (roomIds) => streams.publish(table.stream, table.insert(...roomIds.map((roomId) => ({ roomId, userId: "@u" })))),
    };
    const ownership: Ownership = {
      ...soloOwnership(instance),
      ownerOf: () => owner.name,
      isMine: () => owner.name === instance,
      isLive: (name) => owner.live.has(name),
    };
    const make = () =>
      createRpc({
        defs,
        app: () => app,
        ownership,
        streams,
        writerOf: (stream, key) => ({ standsFor: stream, key }),
        told,
        transport: createRpcTransport({ addresses, secret }),
        log: quietLog,
        clock: systemClock,
        random: systemRandom,
      });
    const state = { rpc: make() };
    const http = await listen(ports[instance], () => state.rpc);
    closing.push(async () => {
      streams.stop();
      await state.rpc.close();
    });
    return {
      app,
      streams,
      http,
      call: <I, O>(def: { handle: unknown } & Parameters<typeof state.rpc.call<TestApp, I, O>>[0], input: I) => state.rpc.call(def, input),
      restart: () => (state.rpc = make()),
    };
  }
  return { table, owner, ports, start };
}

test("a call to oneself is a function call, and calls of one turn are handled together", async () => {
  const { owner, start } = await deployment();
  const w1 = await start("w1");
  owner.name = "w1";
  expect(await Promise.all(["!a", "!b"].map((roomId) => w1.call(send, { roomId })))).toEqual(["w1 !a", "w1 !b"]);
  expect(w1.app.handled).toEqual([["!a", "!b"]]);
  expect(w1.http.paths).toEqual([]);
});

test("a call to another process; what it wrote can be read when it returns", async () => {
  const { start, table } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  expect(await w1.call(send, { roomId: "!a" })).toBe("w2 !a");
  expect(w1.streams.position(table.stream)).toBe(1);
  expect(w2.http.paths).toEqual(["/_synapse/replication/send"]);
});

test("is not answered before all have been told what it wrote, once for all that travel together", async () => {
  const order: string[] = [];
  const { start } = await deployment(async () => {
    order.push("telling");
    await sleep(20);
    order.push("told");
  });
  const w1 = await start("w1");
  await start("w2");
  const outputs = await Promise.all(["!a", "!b"].map((roomId) => w1.call(send, { roomId }).then((output) => order.push(String(output)))));
  expect(outputs).toHaveLength(2);
  expect(order).toEqual(["telling", "told", "w2 !a", "w2 !b"]);
});

test("calls that wait together travel together, in batches", async () => {
  const { start } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  const rooms = Array.from({ length: 20 }, (_, i) => `!${i}`);
  const outputs = await Promise.all(rooms.map((roomId) => w1.call(send, { roomId })));
  expect(outputs).toEqual(rooms.map((roomId) => `w2 ${roomId}`));
  expect(w2.http.paths.length).toBe(3);
  expect(w2.app.handled.every((batch) => batch.length <= 8)).toBe(true);
});

test("errors pass through, each to its own call, and those that are bugs say nothing", async () => {
  const { start } = await deployment();
  const [w1] = [await start("w1"), await start("w2")];
  const [ok, forbidden] = await Promise.allSettled(["!ok", "!forbidden"].map((roomId) => w1.call(send, { roomId })));
  expect(ok).toEqual({ status: "fulfilled", value: "w2 !ok" });
  expect(forbidden).toMatchObject({
    status: "rejected",
    reason: { status: 403, errcode: "M_FORBIDDEN", message: "No", extra: { soft: true } },
  });
  await expect(w1.call(send, { roomId: "!broken" })).rejects.toMatchObject({
    status: 500,
    errcode: "M_UNKNOWN",
    message: "Internal server error",
  });
});

test("an owner that is not up yet is waited for", async () => {
  const { start } = await deployment();
  const w1 = await start("w1");
  const call = w1.call(send, { roomId: "!a" });
  await sleep(30);
  const w2 = await start("w2");
  expect(await call).toBe("w2 !a");
  expect(w2.app.handled).toEqual([["!a"]]);
});

test("when the owner changes meanwhile the call goes to the new one, also to oneself", async () => {
  const { start, owner } = await deployment();
  const w1 = await start("w1");
  const [first, second] = [w1.call(send, { roomId: "!a" }), w1.call(send, { roomId: "!b" })];
  await sleep(20);
  owner.name = "w3";
  const w3 = await start("w3");
  expect(await first).toBe("w3 !a");
  expect(await second).toBe("w3 !b");
  await w3.http.stop();
  await sleep(20);
  const third = w1.call(send, { roomId: "!c" });
  await sleep(20);
  owner.name = "w1";
  expect(await third).toBe("w1 !c");
});

test("a request that was handled and whose answer was lost is not handled twice", async () => {
  const { start } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  await w1.call(send, { roomId: "!before" });
  w2.http.accidents.push("cutAfter", "cutBefore", "cutAfter");
  expect(await w1.call(send, { roomId: "!a" })).toBe("w2 !a");
  expect(w2.http.paths.length).toBe(5);
  expect(w2.app.handled).toEqual([["!before"], ["!a"]]);
});

test("when the owner forgot by a restart whether it did the work, the call fails unless it may be repeated", async () => {
  const { start } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  await w1.call(send, { roomId: "!before" });
  await w1.call(single, { to: "w2" });
  w2.http.accidents.push("cutAfter");
  const call = w1.call(send, { roomId: "!a" });
  const failed = expect(call).rejects.toMatchObject({ status: 502 });
  while (w2.app.handled.length < 3) await sleep(1);
  w2.restart();
  await failed;
  w2.http.accidents.push("cutAfter");
  const again = w1.call(single, { to: "w2" });
  while (w2.app.handled.length < 4) await sleep(1);
  w2.restart();
  expect(await again).toEqual({ from: "w2" });
  expect(w2.app.handled.length).toBe(5);
});

test("when the owner died in the middle and another one took over, the call fails with 502", async () => {
  const { start, owner } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  await start("w3");
  w2.http.accidents.push("cutAfter");
  const failed = expect(w1.call(send, { roomId: "!a" })).rejects.toMatchObject({ status: 502, message: "Failed to talk to w2 process" });
  while (w2.app.handled.length < 1) await sleep(1);
  await w2.http.stop();
  owner.live.delete("w2");
  owner.name = "w3";
  await failed;
  expect(await w1.call(send, { roomId: "!b" })).toBe("w3 !b");
});

test("nothing is sent to a process whose leases have ended: if it is frozen it takes the call and never answers", async () => {
  const { start, owner } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  await start("w3");
  owner.live.delete("w2");
  const call = w1.call(send, { roomId: "!a" });
  await sleep(20);
  owner.name = "w3";
  expect(await call).toBe("w3 !a");
  expect(w2.http.paths).toEqual([]);
});

test("who is not the owner refuses, and nothing is done", async () => {
  const { start, owner } = await deployment();
  const w2 = await start("w2");
  owner.name = "w3";
  const request = { txn: "t1", positions: {}, inputs: [{ roomId: "!a" }] };
  const call = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${w2.http.port}/_synapse/replication/send`, {
      method: "POST",
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify(request),
    });
  const refused = await call();
  expect([refused.status, ((await refused.json()) as JsonObject)["errcode"]]).toEqual([421, "IO.SYNAPSE_TS.NOT_OWNER"]);
  owner.name = "w2";
  expect((await call()).status).toBe(200);
  expect(w2.app.handled).toEqual([["!a"]]);
});

test("the receiver first waits for what the caller has seen", async () => {
  const { start, table } = await deployment();
  const [w1, w2] = [await start("w1"), await start("w2")];
  table.insert({ roomId: "!unheard", userId: "@u" });
  await w1.streams.waitFor({ receipts: 1 }, 20_000);
  expect(w2.streams.position(table.stream)).toBe(0);
  await w1.call(single, { to: "w2" });
  expect(w2.streams.position(table.stream)).toBe(1);
});

test.each([
  ["no such call", "nothing", { txn: "t", positions: {}, inputs: [] }, 404],
  ["not a request", "send", [], 400],
  ["no inputs", "send", { txn: "t", positions: {} }, 400],
])("%s", async (_, name, body, status) => {
  const { start } = await deployment();
  const w2 = await start("w2");
  const response = await fetch(`http://127.0.0.1:${w2.http.port}/_synapse/replication/${name}`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(status);
});
