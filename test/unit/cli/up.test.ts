import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layOut } from "../../../src/cli/up/layout";
import type { Layout } from "../../../src/cli/up/layout";
import { Supervisor, pauseAfter } from "../../../src/cli/up/supervisor";
import { buildConfig } from "../../../src/config/load";
import { checkDeployment } from "../../../src/roles/deployment";
import { plan } from "../../../src/roles/plan";
import { testValues } from "../../builders/config";
import { eventually } from "../../builders/eventually";

const client = { type: "http", port: 8008, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client", "federation"] }] };
const metrics = { type: "metrics", port: 9000, bind_addresses: ["127.0.0.1"] };
const base = { ...testValues, listeners: [client, metrics] };

function laidOut(raw: Readonly<Record<string, unknown>>, workers = 2) {
  const values = { ...base, ...raw };
  const { config } = buildConfig([], { overrides: values });
  const layout = layOut(config, values, { workers, directory: "/run/x", redisPath: "/run/x/redis.sock" });
  return { values, layout };
}

/** What the files of the layout make of a deployment. */
function plansOf(values: Readonly<Record<string, unknown>>, { shared, workers }: Layout) {
  const results = [{}, ...workers.map((worker) => worker.values)].map((own) =>
    plan(buildConfig([], { overrides: { ...values, ...shared, ...own } }).config),
  );
  return {
    errors: results.flatMap(({ errors }) => errors),
    between: checkDeployment(results.map((result) => result.plan)),
    plans: results.map((result) => result.plan),
  };
}

test("workers share what can be shared, and the router has the place of the main process", () => {
  const { values, layout } = laidOut({});
  expect(layout.front).toMatchObject({ port: 8008, bind_addresses: ["127.0.0.1"] });
  const { errors, between, plans } = plansOf(values, layout);
  expect([errors, between]).toEqual([[], []]);
  const [main, first] = plans;
  expect(main?.listeners.map(({ listener }) => listener.port ?? listener.path)).toEqual([
    9000,
    "/run/x/main.http",
    "/run/x/main.replication",
  ]);
  expect(main?.writes).not.toContain("events");
  expect(first?.writes).toEqual(["events", "typing", "to_device", "account_data", "receipts", "presence"]);
  expect(first?.services).toEqual(["federation_sender", "pusher"]);
});

test("what the operator says about who does what stands", () => {
  const { values, layout } = laidOut({
    stream_writers: { events: ["worker2"] },
    start_pushers: true,
    federation_sender_instances: ["worker1"],
  });
  const { errors, between, plans } = plansOf(values, layout);
  expect([errors, between]).toEqual([[], []]);
  expect(plans.map(({ writes }) => writes.includes("events"))).toEqual([false, false, true]);
  expect(plans.map(({ services }) => services.filter((name) => name === "pusher" || name === "federation_sender"))).toEqual([
    ["pusher"],
    ["federation_sender"],
    [],
  ]);
});

test("a listener with TLS is the router's, which has the certificate; what clients do not come to stays", () => {
  const federation = { ...client, port: 8448, resources: [{ names: ["federation"] }] };
  const values = { ...base, listeners: [federation, client] };
  const { config } = buildConfig([], { overrides: values });
  const listeners = config.derived.listeners.map((listener) => ({ ...listener, tls: true }));
  const given = { ...config, derived: { ...config.derived, listeners } };
  const { front, shared } = layOut(given, values, { workers: 1, directory: "/run/x", redisPath: undefined });
  expect(front).toMatchObject({ port: 8008, tls: true });
  expect(shared["listeners"]).toContainEqual(federation);
  expect(shared["listeners"]).not.toContainEqual(client);
  expect(shared["redis"]).toBeUndefined();
});

test("without listeners for clients nothing stands in front, and alone the main process has nothing beside it", () => {
  expect(laidOut({ listeners: [metrics] }).layout.front).toBeUndefined();
  expect(laidOut({}, 0).layout).toEqual({ shared: {}, workers: [], front: undefined });
});

test("pauses grow up to half a minute", () => {
  expect([0, 1, 2, 5, 6, 100].map((failures) => pauseAfter(failures, 500))).toEqual([500, 1_000, 2_000, 16_000, 30_000, 30_000]);
});

describe("the supervisor", () => {
  const folder = mkdtempSync(join(tmpdir(), "synapse-ts-supervisor-"));
  const node = (script: string): readonly string[] => [process.execPath, "-e", script];
  const said: string[] = [];
  const lines = (file: string): string[] => {
    try {
      return readFileSync(join(folder, file), "utf8").split("\n").filter(Boolean);
    } catch {
      return [];
    }
  };

  test("starts again what ends, tells of a reload, and stops in the opposite order", async () => {
    const supervisor = new Supervisor({ say: (text) => said.push(text), firstPauseMs: 10 });
    const note = (text: string) =>
      `require("node:fs").appendFileSync(${JSON.stringify(join(folder, "log"))}, ${JSON.stringify(`${text}\n`)});`;
    await supervisor.start({ name: "brief", command: node(`${note("brief")} process.exit(3)`) });
    const lasting = (name: string): string => `
      process.on("SIGTERM", () => { ${note(`end ${name}`)} process.exit(0); });
      process.on("SIGHUP", () => { ${note(`reload ${name}`)} });
      ${note(`start ${name}`)} setInterval(() => undefined, 1000);`;
    for (const name of ["first", "second"]) {
      await supervisor.start({
        name,
        command: node(lasting(name)),
        reloads: true,
        isReady: async () => lines("log").includes(`start ${name}`),
      });
    }
    await eventually(() => lines("log").filter((line) => line === "brief").length >= 3);
    expect(said[0]).toBe("brief ended with code 3 and is started again in 0.0 s");
    supervisor.reload();
    await eventually(() => lines("log").filter((line) => line.startsWith("reload")).length === 2);
    await supervisor.stop();
    expect(lines("log").filter((line) => line.startsWith("end"))).toEqual(["end second", "end first"]);
  });

  test("gives up where a program ends before it is ready", async () => {
    const supervisor = new Supervisor({ say: () => undefined });
    await expect(supervisor.start({ name: "wrong", command: node("process.exit(1)"), isReady: async () => false })).rejects.toThrow(
      "wrong ended with code 1 before it was ready.",
    );
    writeFileSync(join(folder, "done"), "");
    await supervisor.stop();
  });
});
