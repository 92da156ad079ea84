import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { systemRandom } from "../../../src/lib/random";
import type { Bus } from "../../../src/replication/bus";
import { createTcpBus } from "../../../src/replication/tcpBus";
import type { TcpLinkOptions } from "../../../src/replication/tcpLink";
import { encodeFrame } from "../../../src/replication/tcpFrames";
import { createTcpHub } from "../../../src/replication/tcpHub";
import type { TcpHub } from "../../../src/replication/tcpHub";
import { eventually } from "../../builders/eventually";
import { freePort } from "../../builders/redis";
import { quietLog, receiptTable, testProcess } from "../../builders/replication";

/** A main process, as far as its bus goes, that can go away and come back, and leave off answering. */
async function startHub(secret?: string) {
  const port = await freePort();
  let hub: TcpHub;
  let server: Server;
  const sockets = new Set<Socket>();
  const self = {
    port,
    bus: (): TcpHub => hub,
    async start() {
      hub = createTcpHub({ serverName: "test.local", secret, log: quietLog, random: systemRandom, pingMs: 20, silenceMs: 200 });
      server = createServer((socket) => {
        sockets.add(socket);
        hub.accept(socket);
      });
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      await hub.close();
      server.close();
    },
  };
  await self.start();
  open.push(self.stop);
  return self;
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function newWorker(port: number, instance: string, options: Partial<TcpLinkOptions> = {}): Bus {
  const common = {
    host: "127.0.0.1",
    port,
    serverName: "test.local",
    instance,
    secret: undefined,
    log: quietLog,
    pingMs: 20,
    silenceMs: 200,
  };
  const bus = createTcpBus({ ...common, ...options });
  open.push(() => bus.close());
  return bus;
}

test("each says something to all others and not to itself; the main process passes it on", async () => {
  const hub = await startHub();
  const buses: Record<string, Bus> = { main: hub.bus(), a: newWorker(hub.port, "a"), b: newWorker(hub.port, "b") };
  const got: string[] = [];
  for (const [name, bus] of Object.entries(buses)) bus.subscribe("x", (text) => got.push(`${name} got ${text}`));
  await eventually(() => Object.values(buses).every((bus) => bus.connected()));
  for (const [name, bus] of Object.entries(buses)) bus.publish("x", `ü\n from ${name}`);
  await eventually(() => got.length >= 6);
  const expected = ["a", "b", "main"].flatMap((to) =>
    ["a", "b", "main"].filter((from) => from !== to).map((from) => `${to} got ü\n from ${from}`),
  );
  expect(got.sort()).toEqual(expected.sort());
});

test("what is delivered lies at the others, and nobody waits for a main process that is away", async () => {
  const hub = await startHub();
  const [a, b] = [newWorker(hub.port, "a"), newWorker(hub.port, "b")];
  const got: string[] = [];
  b.subscribe("x", (text) => got.push(text));
  await eventually(() => {
    a.publish("x", "first");
    return a.connected() && got.length > 0;
  });
  for (let i = 0; i < 100; i++) {
    a.publish("x", `${i}`);
    await a.delivered();
    // One whole turn of the event loop, in which sockets are read.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(got.at(-1)).toBe(`${i}`);
  }
  const lost = a.delivered();
  await hub.stop();
  await lost;
  await a.delivered();
});

test("channels can come and go while connected", async () => {
  const hub = await startHub();
  const worker = newWorker(hub.port, "a");
  await eventually(() => worker.connected());
  const got: string[] = [];
  const stop = worker.subscribe("late", (text) => got.push(text));
  await eventually(() => {
    hub.bus().publish("late", "hello");
    return got.length > 0;
  });
  stop();
  worker.subscribe("end", (text) => got.push(text));
  hub.bus().publish("late", "ignored");
  await eventually(() => {
    hub.bus().publish("end", "end");
    return got.includes("end");
  });
  expect(got).not.toContain("ignored");
});

describe("streams", () => {
  const row = (n: number) => ({ roomId: `!r${n}`, userId: "@u" });

  async function process(instance: string, bus: Bus, table: ReturnType<typeof receiptTable>) {
    const { streams } = testProcess({ defs: [table.stream], bus, instance });
    open.push(() => streams.stop());
    const ids: number[] = [];
    streams.subscribe(table.stream, (rows) => ids.push(...rows.map(({ id }) => id)));
    await streams.start();
    await eventually(() => bus.connected());
    return { streams, ids, bus };
  }

  test("everyone applies everything in order, whoever writes", async () => {
    const table = receiptTable();
    const hub = await startHub();
    const all = [
      await process("main", hub.bus(), table),
      await process("w1", newWorker(hub.port, "w1"), table),
      await process("w2", newWorker(hub.port, "w2"), table),
    ];
    for (let i = 0; i < 60; i++) {
      all[i % 3]?.streams.publish(table.stream, table.insert(row(i), row(i)));
      if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { streams, ids } of all) {
      expect(await streams.waitFor({ receipts: 120 }, 20_000)).toBe(true);
      expect(ids).toEqual(table.rows.map(({ id }) => id));
    }
  });

  test("the main process goes: workers ask the database; it comes back: they hear of it again", async () => {
    const table = receiptTable();
    const hub = await startHub();
    const w1 = await process("w1", newWorker(hub.port, "w1"), table);
    const w2 = await process("w2", newWorker(hub.port, "w2"), table);
    await hub.stop();
    await eventually(() => !w1.bus.connected() && !w2.bus.connected());
    w1.streams.publish(table.stream, table.insert(row(1)));
    await eventually(() => w2.ids.length === 1);
    await hub.start();
    await eventually(() => w1.bus.connected() && w2.bus.connected());
    const reads = table.reads.length;
    w1.streams.publish(table.stream, table.insert(row(2)));
    await eventually(() => w2.ids.length === 2);
    expect(table.reads.length).toBe(reads);
    expect(w2.ids).toEqual([1, 2]);
  });
});

test("a main process that says nothing counts as lost", async () => {
  const silent = createServer((socket) => void socket.on("error", () => undefined).resume());
  const port = await freePort();
  silent.listen(port, "127.0.0.1");
  open.push(() => silent.close());
  let connections = 0;
  silent.on("connection", () => connections++);
  const worker = newWorker(port, "a");
  await eventually(() => connections >= 2);
  expect(worker.connected()).toBe(false);
});

/** What a worker's log says before it has been let in. */
async function refusal(port: number, options: Partial<TcpLinkOptions>): Promise<string> {
  const lines: string[] = [];
  const worker = newWorker(port, "a", { ...options, log: { ...quietLog, warn: (line: string) => void lines.push(line) } });
  await eventually(() => lines.length > 0);
  expect(worker.connected()).toBe(false);
  return lines.join();
}

test("a worker with another secret, or of another server, is refused and says why", async () => {
  const hub = await startHub("secret");
  expect(await refusal(hub.port, { secret: "another" })).toMatch(/worker_replication_secret/);
  expect(await refusal(hub.port, { secret: undefined })).toMatch(/worker_replication_secret/);
  expect(await refusal(hub.port, { secret: "secret", serverName: "other.local" })).toMatch(/test\.local.*other\.local/);
  const right = newWorker(hub.port, "a", { secret: "secret" });
  await eventually(() => right.connected());
});

test.each([
  ["something else", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["a message before a name", encodeFrame("say", "x", "believe me")],
  ["a wrong name", encodeFrame("name", "w1", "no proof")],
])("who comes with %s is thrown out", async (_, bytes) => {
  const hub = await startHub("secret");
  const heard: string[] = [];
  hub.bus().subscribe("x", (text) => heard.push(text));
  const socket = connect(hub.port, "127.0.0.1")
    .on("error", () => undefined)
    .resume();
  socket.write(bytes);
  socket.write(encodeFrame("say", "x", "believe me"));
  await once(socket, "close");
  expect(heard).toEqual([]);
});
