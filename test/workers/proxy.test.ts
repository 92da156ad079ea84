import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main } from "../../src/cli";
import { openRouter } from "../../src/cli/up/router";
import { buildConfig, loadConfig } from "../../src/config/load";
import { allGroups } from "../../src/rest/registry";
import { compileRoutes } from "../../src/rest/router";
import { plan } from "../../src/roles/plan";
import { proxyModel } from "../../src/roles/proxy/proxyModel";
import { classOf } from "../../src/roles/proxy/requestClasses";
import { testValues } from "../builders/config";
import { eventually } from "../builders/eventually";
import { isInstalled, nginxIn, proxyEnvironment } from "../builders/nginx";
import { deploymentFiles } from "../builders/proxyDeployment";
import { freePort } from "../builders/redis";
import { testIo } from "../unit/cli/testIo";

/** The real programs, with what they need around the file that is written for them. */
const proxies: Readonly<Record<string, (folder: string) => { readonly file: string; readonly command: readonly string[] }>> = {
  nginx: nginxIn,
  haproxy: (folder) => ({ file: "haproxy.cfg", command: ["haproxy", "-db", "-f", join(folder, "haproxy.cfg")] }),
  caddy: (folder) => ({ file: "Caddyfile", command: ["caddy", "run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"] }),
};

interface Backend {
  readonly port: number;
  readonly server: Server;
  /** Frozen, it takes connections and answers nothing. */
  frozen: boolean;
}

/** Stands in for a process: says which one it is and what it was asked for. */
async function startBackend(name: string): Promise<Backend> {
  const server = createServer((request, response) => {
    if (backend.frozen) return;
    request.resume();
    response.end(JSON.stringify({ name, url: request.url, forwardedFor: request.headers["x-forwarded-for"] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const backend: Backend = { port: (server.address() as AddressInfo).port, server, frozen: false };
  return backend;
}

function stopBackend({ server }: Backend): void {
  server.close();
  server.closeAllConnections();
}

const fill = (pattern: string): string =>
  pattern
    .replace(/\/\?$/, "")
    .replace(/:\w+\(([^|)]+)[^)]*\)/g, "$1")
    .replace(/:\w+\*?/g, "%21x%2Fy:z");

/** What `synapse-ts up` puts in front. */
const OURS = "the router of synapse-ts up";
const isThere = (program: string): boolean => program === OURS || isInstalled(program);

interface Files {
  readonly main: string;
  readonly workers: readonly string[];
}

async function startProxy(program: string, files: Files, port: number): Promise<() => unknown> {
  if (program === OURS) return startOurs(files, port);
  const folder = mkdtempSync(join(tmpdir(), `synapse-ts-${program}-`));
  const io = testIo([]);
  const workers = files.workers.flatMap((file) => ["-w", file]);
  expect(await main(["proxy-config", program, "--port", String(port), "-c", files.main, ...workers], io)).toBe(0);
  const setup = proxies[program]?.(folder);
  const [command = "", ...args] = setup?.command ?? [];
  writeFileSync(join(folder, setup?.file ?? ""), io.written());
  const proxy = spawn(command, args, { env: proxyEnvironment, stdio: "ignore" });
  return () => proxy.kill();
}

async function startOurs(files: Files, port: number): Promise<() => unknown> {
  const planOf = (...paths: string[]) => plan(loadConfig(paths, { environment: {} }).config).plan;
  const { config } = loadConfig([files.main], { environment: {} });
  const model = proxyModel(config, [planOf(files.main), ...files.workers.map((file) => planOf(files.main, file))]);
  const listeners = [{ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client"] }] }];
  const [listener] = buildConfig([], { overrides: { ...testValues, listeners } }).config.derived.listeners;
  if (!listener) throw new Error("the configuration has no listener");
  const router = await openRouter({ listener, tls: undefined, model, say: () => undefined });
  return () => router.close();
}

describe.each([...Object.keys(proxies), OURS])("%s", (program) => {
  const given = isThere(program) ? test : test.skip;
  let stop: () => unknown = () => undefined;
  let base = "";
  const backends = new Map<string, Backend>();

  interface Seen {
    readonly name: string;
    readonly url: string;
    readonly forwardedFor?: string;
  }
  /** Who waits for too long asks again. */
  const PATIENCE_MS = 15_000;
  const ask = async (method: string, path: string, token = "t"): Promise<Seen> => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(base + path, { method, headers: { Authorization: `Bearer ${token}` }, signal });
    return (await response.json()) as Seen;
  };

  beforeAll(async () => {
    if (!isThere(program)) return;
    const names = ["main", "worker_a", "worker_b", "media1"];
    for (const name of names) backends.set(name, await startBackend(name));
    const portOf = (name: string): number => backends.get(name)?.port ?? 0;
    const files = deploymentFiles({
      main: portOf("main"),
      workerA: portOf("worker_a"),
      workerB: portOf("worker_b"),
      media: portOf("media1"),
    });
    const port = await freePort();
    stop = await startProxy(program, files, port);
    base = `http://127.0.0.1:${port}`;
    await eventually(() =>
      ask("GET", "/_matrix/client/versions").then(
        ({ name }) => name.startsWith("worker"),
        () => false,
      ),
    );
  });

  afterAll(async () => {
    await stop();
    for (const backend of backends.values()) stopBackend(backend);
  });

  given("sends every route where it belongs, as it came", async () => {
    const wrong: string[] = [];
    for (const route of compileRoutes(allGroups).compiled) {
      const of = classOf(route);
      if (!of) continue;
      const path = `${fill(route.pattern)}?a=%2F`;
      const { name, url, forwardedFor } = await ask(route.route.method, path);
      const wanted = of.pool === "media" ? /^media1$/ : /^worker_[ab]$/;
      if (!wanted.test(name) || url !== path || forwardedFor === undefined) wrong.push(`${route.route.method} ${path}: ${name} ${url}`);
    }
    expect(wrong).toEqual([]);
    expect((await ask("GET", "/_synapse/admin/v1/nothing_that_workers_know")).name).toBe("main");
  });

  given("keeps what belongs together on one process", async () => {
    const who = async (paths: readonly string[], token?: string): Promise<Set<string>> =>
      new Set((await Promise.all(paths.map((path) => ask("GET", path, token)))).map(({ name }) => name));
    const room = "/_matrix/client/v3/rooms/%21a:b";
    expect((await who([`${room}/messages`, `${room}/members`, `${room}/context/$x`, `${room}/messages?from=a`])).size).toBe(1);
    expect(
      (await who(["/_matrix/client/v3/sync?since=1", "/_matrix/client/v3/sync?since=2", "/_matrix/client/r0/sync?since=3"])).size,
    ).toBe(1);
    const rooms = Array.from({ length: 40 }, (_, i) => `/_matrix/client/v3/rooms/%21room${i}:b/messages`);
    expect(await who(rooms)).toEqual(new Set(["worker_a", "worker_b"]));
    const users = await Promise.all(Array.from({ length: 40 }, (_, i) => ask("GET", "/_matrix/client/v3/sync?since=1", `token${i}`)));
    expect(new Set(users.map(({ name }) => name))).toEqual(new Set(["worker_a", "worker_b"]));
  });

  given("lets nobody at what is only for processes", async () => {
    for (const path of ["/_synapse/replication/send_events/x", "/_synapse/metrics"]) expect((await fetch(base + path)).status).toBe(404);
  });

  given("passes over a process that is frozen", async () => {
    const backend = backends.get("worker_a");
    if (!backend) throw new Error("there is no worker_a");
    backend.frozen = true;
    // So many that some belong to the frozen one, whatever ports the processes have: where a room belongs is a hash of them.
    const sends = Array.from({ length: 40 }, (_, i) => `/_matrix/client/v3/rooms/%21room${i}:b/send/m.room.message/1`);
    await eventually(async () => {
      const asked = await Promise.allSettled(sends.map((path) => ask("PUT", path)));
      return asked.every((answer) => answer.status === "fulfilled" && answer.value.name === "worker_b");
    }, 50_000);
    backend.frozen = false;
    await eventually(async () => (await Promise.all(sends.map((path) => ask("PUT", path)))).some(({ name }) => name === "worker_a"));
  });

  given("passes over a process that is away", async () => {
    const gone = backends.get("worker_a");
    if (gone) stopBackend(gone);
    await eventually(async () => {
      const rooms = Array.from({ length: 20 }, (_, i) => `/_matrix/client/v3/rooms/%21other${i}:b/messages`);
      const answers = await Promise.all(rooms.map((path) => ask("GET", path)));
      return answers.every(({ name }) => name === "worker_b");
    });
  });
});
