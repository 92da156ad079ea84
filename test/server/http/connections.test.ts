import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, connect } from "node:net";
import { Agent } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { anyJson } from "../../../src/lib/schema";
import { JsonText } from "../../../src/lib/jsonText";
import { reply } from "../../../src/rest/reply";
import { route } from "../../../src/rest/route";
import { call, raw, startHttp, type Harness, type HarnessOptions } from "./harness";

const directory = mkdtempSync(join(tmpdir(), "synapse-ts-http-"));
const open: Harness[] = [];
afterEach(async () => {
  for (const http of open.splice(0)) await http.close(100);
});
afterAll(() => rmSync(directory, { recursive: true }));

async function start(options: HarnessOptions): Promise<Harness> {
  const http = await startHttp(options);
  open.push(http);
  return http;
}

const hello = route("GET /_matrix/client/v3/hello", {
  servlet: "HelloServlet",
  auth: "optional",
  handle: ({ request, requester }) => ({ ip: request.ip, id: request.id, user: requester?.userId ?? null }),
});
const HELLO = "/_matrix/client/v3/hello";

/** A promise and its resolver. */
function signal(): { readonly seen: Promise<void>; fire: () => void } {
  let fire: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => (fire = resolve));
  return { seen, fire };
}

function selfSigned(name: string): { certificate: string; privateKey: string } {
  const [key, cert] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ],
    {
      stdio: "ignore",
    },
  );
  return { certificate: readFileSync(cert, "utf8"), privateKey: readFileSync(key, "utf8") };
}

test("a unix socket, with its mode, also where a dead process left one behind", async () => {
  const path = join(directory, "main.sock");
  const dies = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", dies]);
  expect(statSync(path).isSocket()).toBe(true);
  const http = await start({ routes: [hello], listener: { path, mode: 0o660, x_forwarded: true } });
  expect(http.addresses).toEqual([path]);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  const answer = await call(0, "GET", HELLO, { socketPath: path, headers: { "X-Forwarded-For": "203.0.113.9, 10.0.0.1" } });
  expect(answer.json).toMatchObject({ ip: "203.0.113.9" });
  await expect(startHttp({ routes: [hello], listener: { path } })).rejects.toThrow(
    `cannot listen on ${path}: something else listens there already`,
  );
});

test("TLS, and a new certificate without a restart", async () => {
  const [first, second] = [selfSigned("first.example"), selfSigned("second.example")];
  const http = await start({ routes: [hello], listener: { tls: true }, config: { derived: { tls: first } } });
  const subject = () =>
    new Promise<string>((resolve, reject) => {
      const options = { host: "127.0.0.1", port: http.port, path: HELLO, rejectUnauthorized: false, agent: false as const };
      const request = httpsRequest(options, (response) => {
        const { socket } = response as unknown as { socket: TLSSocket };
        resolve(String(socket.getPeerCertificate().subject.CN));
        response.resume();
      });
      request.on("error", reject).end();
    });
  expect(http.addresses[0]).toMatch(/^https:\/\/127/);
  expect(await subject()).toBe("first.example");
  http.reloadTls(second);
  expect(await subject()).toBe("second.example");
  expect(http.lines().some((line) => line.startsWith(`synapse.access.https.`))).toBe(true);
});

test("X-Forwarded-For counts where the listener says so alone; request ids may come from a header", async () => {
  const headers = { "X-Forwarded-For": "203.0.113.9", "X-Request-Id": "abc" };
  const plain = await start({ routes: [hello] });
  expect((await call(plain.port, "GET", HELLO, { headers })).json).toEqual({ ip: "127.0.0.1", id: "GET-1", user: null });
  const proxied = await start({ routes: [hello], listener: { x_forwarded: true, request_id_header: "X-Request-ID" } });
  expect((await call(proxied.port, "GET", HELLO, { headers })).json).toMatchObject({ ip: "203.0.113.9", id: "abc" });
  expect((await call(proxied.port, "GET", HELLO)).json).toMatchObject({ ip: "127.0.0.1", id: "GET-1" });
});

test("compression where the resource allows it and the client wants it", async () => {
  const value = { chunk: "matrix ".repeat(1000) };
  const big = Array.from({ length: 20_000 }, () => new JsonText(JSON.stringify("y".repeat(80))));
  const routes = [
    route("GET /_matrix/client/v3/value", { servlet: "V", auth: "none", handle: () => value }),
    route("GET /_matrix/client/v3/big", { servlet: "B", auth: "none", handle: () => big }),
    hello,
  ];
  const http = await start({ routes, listener: { resources: [{ names: ["client"], compress: true }] } });
  const get = (path: string, encoding: string) =>
    call(http.port, "GET", `/_matrix/client/v3/${path}`, { headers: { "Accept-Encoding": encoding } });
  const answer = await get("value", "br, gzip;q=0.8");
  expect(answer.headers).toMatchObject({
    "content-encoding": "gzip",
    vary: "Accept-Encoding",
    "content-length": String(answer.bytes.length),
  });
  expect(JSON.parse(gunzipSync(answer.bytes).toString())).toEqual(value);
  expect(JSON.parse(gunzipSync((await get("big", "gzip")).bytes).toString())).toHaveLength(20_000);
  for (const encoding of ["identity", "gzip;q=0", "br"]) expect((await get("value", encoding)).json).toEqual(value);
  expect((await get("hello", "gzip")).headers["content-encoding"]).toBeUndefined();
});

test("a client that leaves: the handler is told, the log says 499", async () => {
  const begun = signal();
  const aborted = signal();
  const logged = signal();
  const slow = route("GET /_matrix/client/v3/slow", {
    servlet: "SlowServlet",
    auth: "none",
    handle: ({ request }) =>
      new Promise((_, reject) => {
        begun.fire();
        request.signal.addEventListener("abort", () => {
          aborted.fire();
          reject(request.signal.reason as Error);
        });
      }),
  });
  const http = await start({ routes: [slow], onLine: (line) => line.includes("Processed request") && logged.fire() });
  const socket = connect(http.port, "127.0.0.1", () => socket.write("GET /_matrix/client/v3/slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  await begun.seen;
  socket.destroy();
  await aborted.seen;
  await logged.seen;
  expect(http.lines().filter((line) => line.includes("SlowServlet"))).toEqual([]);
  expect(http.lines().at(-1)).toMatch(/ 0B 499! "GET \/_matrix\/client\/v3\/slow HTTP\/1.1" "" \[0 dbevts\]$/);
  expect(await http.metrics()).toContain('synapse_http_server_responses_total{method="GET",code="499",server_name="example.org"} 1');
});

test("a client that leaves in the middle of its body or of a streamed answer", async () => {
  const destroyed = signal();
  const logged = signal();
  const routes = [
    route("POST /_matrix/client/v3/body", { servlet: "BodyServlet", auth: "none", body: anyJson(), handle: () => ({}) }),
    route("GET /_matrix/client/v3/stream", {
      servlet: "StreamServlet",
      auth: "none",
      handle: () => {
        const body = new Readable({ read: () => void body.push(Buffer.alloc(65_536)) });
        body.on("close", destroyed.fire);
        return reply({ headers: { "Content-Type": "application/octet-stream" }, body });
      },
    }),
  ];
  const http = await start({ routes, onLine: (line) => line.includes("/body") && logged.fire() });
  const stream = connect(http.port, "127.0.0.1", () => stream.write("GET /_matrix/client/v3/stream HTTP/1.1\r\nHost: x\r\n\r\n"));
  stream.once("data", () => stream.destroy());
  await destroyed.seen;
  const body = connect(http.port, "127.0.0.1", () => {
    body.write("POST /_matrix/client/v3/body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", () => body.destroy());
  });
  await logged.seen;
  expect(http.lines().at(-1)).toMatch(/499! "POST/);
  expect(http.lines().filter((line) => line.startsWith("synapse.http.server"))).toEqual([]);
});

test("the request line of the log, and the metrics of a request", async () => {
  const logged = signal();
  const http = await start({ routes: [hello], listener: { tag: "main" }, onLine: (line) => line.includes("curl") && logged.fire() });
  await call(http.port, "GET", "/health");
  await call(http.port, "GET", `${HELLO}?a=b&access_token=alice%7Cadmin`, { headers: { "User-Agent": "curl/8" } });
  await logged.seen;
  const time = "-?\\d+\\.\\d{3}sec";
  const line = new RegExp(
    `^synapse\\.access\\.http\\.main info 127\\.0\\.0\\.1 - main - \\{@admin:example\\.org\\|@alice:example\\.org\\} Processed request: ${time}/${time} ` +
      `\\(${time}, ${time}\\) \\(${time}/${time}/0\\) 59B 200 "GET ${HELLO}\\?a=b&access_token=<redacted> HTTP/1\\.1" "curl/8" \\[0 dbevts\\]$`,
  );
  expect(http.lines().at(-1)).toMatch(line);
  expect(http.lines().find((text) => text.includes("/health"))).toContain("access.http.main debug");
  const metrics = await http.metrics();
  for (const name of [
    "requests_received_total",
    "response_count_total",
    "responses_total",
    "response_time_seconds_bucket",
    "in_flight_requests_count",
  ]) {
    expect(metrics).toContain(`synapse_http_server_${name}{`);
  }
  expect(metrics).toContain(
    'synapse_http_server_response_count_total{method="GET",servlet="HelloServlet",tag="main",server_name="example.org"} 1',
  );
  expect(metrics).toContain(
    'synapse_http_server_in_flight_requests_count{method="GET",servlet="HelloServlet",server_name="example.org"} 0',
  );
});

test("closing lets requests finish, refuses new ones, and cuts off those that take too long", async () => {
  const begun = signal();
  const release = signal();
  const waiting = route("GET /_matrix/client/v3/waiting", {
    servlet: "W",
    auth: "none",
    handle: async () => {
      begun.fire();
      await release.seen;
      return { done: true };
    },
  });
  const never = route("GET /_matrix/client/v3/never", { servlet: "N", auth: "none", handle: () => new Promise(() => undefined) });
  const http = await startHttp({ routes: [waiting, never, hello] });
  // A connection that stays open between requests must not hold things up.
  const agent = new Agent({ keepAlive: true });
  await call(http.port, "GET", HELLO, { agent });
  const answer = call(http.port, "GET", "/_matrix/client/v3/waiting");
  await begun.seen;
  const closed = http.close(60_000);
  await expect(call(http.port, "GET", HELLO)).rejects.toThrow(/ECONNREFUSED/);
  release.fire();
  expect((await answer).json).toEqual({ done: true });
  expect((await answer).headers.connection).toBe("close");
  await closed;
  agent.destroy();

  const other = await startHttp({ routes: [never] });
  const cut = raw(other.port, (socket) => void socket.write("GET /_matrix/client/v3/never HTTP/1.1\r\nHost: x\r\n\r\n"));
  await call(other.port, "GET", "/health");
  await other.close(50);
  expect(await cut).toBe("");
});

test("a port that is taken is one clear line", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  await expect(startHttp({ routes: [], listener: { port } })).rejects.toThrow(
    `cannot listen on 127.0.0.1 port ${port}: something else listens there already`,
  );
  await new Promise((resolve) => taken.close(resolve));
});

test("Synapse's default addresses are no conflict, and IPv4 clients look like IPv4 clients", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  await new Promise((resolve) => taken.close(resolve));
  const http = await start({ routes: [hello], listener: { port, bind_addresses: ["::", "0.0.0.0"] } });
  expect((await call(http.port, "GET", HELLO)).json).toMatchObject({ ip: "127.0.0.1" });
});

test("a metrics listener answers at any path, a manhole says that there is none", async () => {
  const http = await start({ routes: [hello], listener: { type: "metrics", resources: [] } });
  for (const path of ["/metrics", "/_synapse/metrics", "/"]) {
    const answer = await call(http.port, "GET", path);
    expect([answer.status, answer.headers["content-type"]]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    expect(answer.text).toContain("# TYPE synapse_http_server_requests_received_total counter");
  }
  expect((await call(http.port, "GET", HELLO)).text).toContain("# TYPE");
  const off = await start({ routes: [], listener: { type: "metrics", resources: [] }, config: { enable_metrics: false } });
  expect(off.addresses).toEqual([]);
  const resource = await start({ routes: [], listener: { resources: [{ names: ["metrics"], compress: false }] } });
  expect((await call(resource.port, "GET", "/_synapse/metrics")).status).toBe(200);
  expect((await call(resource.port, "GET", "/health")).text).toBe("OK");
});
