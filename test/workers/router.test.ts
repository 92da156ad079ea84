import { createServer, get } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { request as send } from "undici";
import { openRouter } from "../../src/cli/up/router";
import type { Router } from "../../src/cli/up/router";
import { buildConfig } from "../../src/config/load";
import type { ProxyModel } from "../../src/roles/proxy/proxyModel";
import { testValues } from "../builders/config";
import { eventually } from "../builders/eventually";
import { freePort } from "../builders/redis";

/** What a process does with a request; of several one after another, and the last one again and again. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Process {
  readonly server: Server;
  readonly port: number;
  /** Requests that came, without those for its health. */
  readonly asked: string[];
  answer: Answer;
  /** Frozen, it answers nothing more. */
  frozen: boolean;
}

const say: (name: string) => Answer = (name) => (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { headers } = request;
    response.end(JSON.stringify({ name, headers, length: Buffer.concat(chunks).length }));
  });
};

async function startProcess(name: string): Promise<Process> {
  const server = createServer((request, response) => {
    if (process.frozen) return;
    if (request.url === "/health") return void response.end("OK");
    process.asked.push(`${request.method} ${request.url}`);
    process.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const process: Process = { server, port: (server.address() as AddressInfo).port, asked: [], answer: say(name), frozen: false };
  return process;
}

function end({ server }: Process): void {
  server.close();
  server.closeAllConnections();
}

const names = ["main", "worker1", "worker2"] as const;
const said: string[] = [];
let processes: Record<(typeof names)[number], Process>;
let router: Router;
let base: string;

async function open(listener: object = {}): Promise<void> {
  const [main, worker1, worker2] = [await startProcess("main"), await startProcess("worker1"), await startProcess("worker2")];
  processes = { main, worker1, worker2 };
  const targets = names.map((name) => ({ name, at: { host: "127.0.0.1", port: processes[name].port } }));
  const [first, ...workers] = targets;
  if (!first) throw new Error("nobody is there");
  const rule = { name: "room", what: "", affinity: "room", expressions: [], targets: workers } as const;
  const model: ProxyModel = { serverName: "a.example", maxBody: 1, main: first, rules: [rule] };
  const port = await freePort();
  const listeners = [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }], ...listener }];
  const [derived] = buildConfig([], { overrides: { ...testValues, listeners } }).config.derived.listeners;
  if (!derived) throw new Error("there is no listener");
  said.length = 0;
  router = await openRouter({ listener: derived, tls: undefined, model, say: (text) => said.push(text) });
  base = `http://127.0.0.1:${port}`;
}
afterEach(async () => {
  await router.close();
  for (const name of names) end(processes[name]);
});

interface Told {
  readonly name: string;
  readonly length: number;
  readonly headers: Record<string, string>;
}

const room = "/_matrix/client/v3/rooms/!a:b/send/m.room.message/1";
const other = { worker1: "worker2", worker2: "worker1" } as const;

async function ask(method: "GET" | "PUT" | "POST", path: string, headers = {}, body?: string): Promise<Told> {
  const answer = await send(base + path, { method, headers, ...(body !== undefined && { body }) });
  return (await answer.body.json()) as Told;
}

const ownerOf = async (): Promise<"worker1" | "worker2"> => (await ask("PUT", room, {}, "{}")).name as "worker1";

test("processes hear who asks, and not what anybody says of that", async () => {
  await open();
  const headers = { "x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https", connection: "x-mine", "x-mine": "1" };
  const answer = await new Promise<IncomingMessage>((resolve) => get(`${base}/x`, { headers }, resolve));
  const told = (JSON.parse(Buffer.concat(await answer.toArray()).toString()) as Told).headers;
  expect(told).toMatchObject({ "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", host: base.slice(7) });
  expect(told).not.toHaveProperty("x-mine");
});

test("another proxy in front is believed", async () => {
  await open({ x_forwarded: true });
  const given = { "x-forwarded-for": "1.2.3.4, 10.0.0.1", "x-forwarded-proto": "https" };
  expect((await ask("GET", "/x", given)).headers).toMatchObject(given);
});

test("a request goes to another process where its own ends without an answer, unless a repetition might do something twice", async () => {
  await open();
  const owner = await ownerOf();
  processes[owner].answer = (request) => request.socket.destroy();
  expect(await ask("PUT", room, {}, '{"body":"hello"}')).toMatchObject({ name: other[owner], length: 16 });
  const refused = await send(`${base}${room}`, { method: "POST", body: "{}" });
  expect([refused.statusCode, await refused.body.json()]).toMatchObject([502, { errcode: "M_UNKNOWN" }]);
  expect(processes[owner].asked.length + processes[other[owner]].asked.length).toBe(4);
});

test("a process that is away is passed over at once, also by what cannot be repeated and by large bodies", async () => {
  await open();
  const owner = await ownerOf();
  end(processes[owner]);
  const large = "x".repeat(300_000);
  expect(await ask("POST", room, {}, "{}")).toMatchObject({ name: other[owner] });
  expect(await ask("POST", room, {}, large)).toMatchObject({ name: other[owner], length: large.length });
  expect(said).toContain(`${owner} does not answer, and gets no requests until it does`);
  end(processes[other[owner]]);
  expect(await ask("PUT", room, {}, "{}")).toMatchObject({ name: "main" });
});

test("a frozen process is found out, what waited for it is answered by another, and it has its share again when it thaws", async () => {
  await open();
  const owner = await ownerOf();
  processes[owner].frozen = true;
  expect(await ask("PUT", room, {}, "{}")).toMatchObject({ name: other[owner] });
  expect(said.at(-1)).toBe(`${owner} does not answer, and gets no requests until it does`);
  processes[owner].frozen = false;
  await eventually(async () => (await ownerOf()) === owner);
});

test("a client that leaves takes its request along", async () => {
  await open();
  let left = false;
  processes.main.answer = (_request, response) => response.on("close", () => (left = true));
  const leaving = new AbortController();
  const answer = fetch(`${base}/x`, { signal: leaving.signal }).catch(() => "left");
  await eventually(() => processes.main.asked.length === 1);
  leaving.abort();
  expect(await answer).toBe("left");
  await eventually(() => left);
});

test("who is refused before all was sent hears why", async () => {
  await open();
  processes.main.answer = (request, response) => {
    response.writeHead(413).end('{"errcode":"M_TOO_LARGE"}');
    request.resume();
  };
  const answer = await fetch(`${base}/x`, { method: "POST", body: Buffer.alloc(4_000_000) });
  expect([answer.status, await answer.json()]).toEqual([413, { errcode: "M_TOO_LARGE" }]);
});

test("an answer that breaks off does so for the client, too", async () => {
  await open();
  processes.main.answer = (_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  };
  await expect(fetch(`${base}/x`).then((answer) => answer.text())).rejects.toThrow();
});

test("what names no path, or only processes, gets no further", async () => {
  await open();
  for (const path of ["/_synapse/replication/x/y", "/_synapse/metrics?a=b"]) expect((await send(base + path)).statusCode).toBe(404);
  expect(processes.main.asked).toEqual([]);
});
