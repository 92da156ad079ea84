import { buildConfig } from "../../../src/config/load";
import { formatProblem } from "../../../src/config/problems";
import { checkDeployment } from "../../../src/roles/deployment";
import { formatPlan } from "../../../src/roles/format";
import { groupsServed, plan, requirePlan, shardingOf, standsFor } from "../../../src/roles/plan";

type Raw = Readonly<Record<string, unknown>>;

const base = {
  server_name: "test.local",
  signing_key: `ed25519 test ${Buffer.alloc(32).toString("base64")}`,
  report_stats: false,
  redis: { enabled: true },
  worker_replication_secret: "secret",
};

const planOf = (...files: readonly Raw[]) => plan(buildConfig([], { overrides: Object.assign({}, base, ...files) }).config);
const errorsOf = (...files: readonly Raw[]) => planOf(...files).errors.map(formatProblem);
const warningsOf = (...files: readonly Raw[]) => planOf(...files).warnings.map(formatProblem);

const http = (port: number, ...names: string[]) => ({ type: "http", port, bind_addresses: ["127.0.0.1"], resources: [{ names }] });
const worker = (name: string, more: Raw = {}): Raw => ({ worker_app: "synapse.app.generic_worker", worker_name: name, ...more });
const shared = {
  instance_map: { main: { host: "localhost", port: 9093 } },
  listeners: [http(8008, "client", "federation"), http(9093, "replication")],
};

test("a process that is alone does everything", () => {
  const { plan: process, errors, warnings } = planOf({ redis: { enabled: false }, listeners: [http(8008, "client", "federation")] });
  expect(errors).toEqual([]);
  expect(warnings).toEqual([]);
  expect(process).toMatchObject({ instanceName: "main", role: "main", bus: { kind: "none" }, addresses: {} });
  expect(process.writes).toEqual(expect.arrayContaining(["main", "events", "typing", "receipts", "device_lists"]));
  expect(process.services).toEqual(
    expect.arrayContaining(["federation_sender", "pusher", "appservice_sender", "user_directory", "background", "media_jobs"]),
  );
  expect(process.listeners[0]?.families).toEqual(
    expect.arrayContaining(["client", "federation", "media", "keys", "admin", "wellknown", "health"]),
  );
  expect(process.listeners[0]?.families).not.toContain("replication");
  expect(process.listeners[0]?.families).not.toContain("metrics");
});

/** A deployment with a worker of every kind, as conformance suites use it. */
const everything = (() => {
  const workers: readonly { name: string; app: string; resources: string[]; writes?: string[] }[] = [
    { name: "event_persister1", app: "generic_worker", resources: ["client"], writes: ["events"] },
    { name: "event_persister2", app: "generic_worker", resources: ["client"], writes: ["events"] },
    {
      name: "stream_writer1",
      app: "generic_worker",
      resources: ["client"],
      writes: ["typing", "to_device", "account_data", "receipts", "presence", "push_rules", "device_lists"],
    },
    { name: "sync1", app: "generic_worker", resources: ["client"] },
    { name: "federation_reader1", app: "generic_worker", resources: ["federation"] },
    { name: "frontend_proxy1", app: "frontend_proxy", resources: ["client"] },
    { name: "media_repository1", app: "media_repository", resources: ["media", "client", "federation"] },
    { name: "user_dir1", app: "user_dir", resources: ["client"] },
    { name: "pusher1", app: "pusher", resources: ["health"] },
    { name: "appservice1", app: "appservice", resources: ["health"] },
    { name: "federation_sender1", app: "federation_sender", resources: ["health"] },
    { name: "background_worker1", app: "generic_worker", resources: ["health"] },
  ];
  const port = (name: string) => 20_000 + workers.findIndex((w) => w.name === name) * 2;
  const common = {
    listeners: shared.listeners,
    instance_map: {
      main: { host: "127.0.0.1", port: 9093 },
      ...Object.fromEntries(workers.filter(({ writes }) => writes).map(({ name }) => [name, { host: "127.0.0.1", port: port(name) + 1 }])),
    },
    stream_writers: Object.fromEntries(
      ["events", "typing", "to_device", "account_data", "receipts", "presence", "push_rules", "device_lists"].map((stream) => [
        stream,
        workers.filter(({ writes }) => writes?.includes(stream)).map(({ name }) => name),
      ]),
    ),
    start_pushers: false,
    pusher_instances: ["pusher1"],
    send_federation: false,
    federation_sender_instances: ["federation_sender1"],
    notify_appservices: false,
    notify_appservices_from_worker: "appservice1",
    update_user_directory: false,
    update_user_directory_from_worker: "user_dir1",
    enable_media_repo: false,
    media_instance_running_background_jobs: "media_repository1",
    run_background_tasks_on: "background_worker1",
  };
  const files = workers.map(({ name, app, resources, writes }) => ({
    worker_app: `synapse.app.${app}`,
    worker_name: name,
    worker_listeners: [http(port(name), ...resources), ...(writes ? [http(port(name) + 1, "replication")] : [])],
  }));
  return { common, results: [planOf(common), ...files.map((file) => planOf(common, file))] };
})();

test("a deployment with workers of all kinds is planned without complaint", () => {
  for (const { errors, warnings } of everything.results) expect([errors, warnings]).toEqual([[], []]);
  expect(checkDeployment(everything.results.map(({ plan: process }) => process))).toEqual([]);
});

test.each([
  ["main", ["main", "thread_subscriptions", "quarantined_media_changes"], ["auto_accept_invites"]],
  ["event_persister1", ["events"], []],
  ["stream_writer1", ["typing", "to_device", "account_data", "receipts", "presence", "push_rules", "device_lists"], []],
  ["sync1", [], []],
  ["frontend_proxy1", [], []],
  ["media_repository1", [], ["media_jobs"]],
  ["user_dir1", [], ["user_directory"]],
  ["pusher1", [], ["pusher"]],
  ["appservice1", [], ["appservice_sender"]],
  ["federation_sender1", [], ["federation_sender"]],
  ["background_worker1", [], ["background"]],
])("%s writes and runs what it is named for", (name, writes, services) => {
  const process = everything.results.find(({ plan: { instanceName } }) => instanceName === name)?.plan;
  expect(process?.writes.toSorted()).toEqual(writes.toSorted());
  expect(process?.services).toEqual(services);
  expect(process && standsFor(process)).toEqual(expect.arrayContaining(["process", ...writes, ...services]));
});

test("listeners serve what their resources say, and media only where the media repository is", () => {
  const families = Object.fromEntries(everything.results.map(({ plan: p }) => [p.instanceName, p.listeners.map((l) => l.families)]));
  expect(families["pusher1"]).toEqual([["health"]]);
  expect(families["federation_reader1"]?.[0]).toEqual(expect.arrayContaining(["federation", "keys", "health"]));
  expect(families["federation_reader1"]?.[0]).not.toContain("client");
  expect(families["event_persister1"]?.[1]).toEqual(["health", "replication"]);
  expect(families["media_repository1"]?.[0]).toContain("media");
  expect(families["main"]?.[0]).not.toContain("media");
  const handsOn = Object.fromEntries(everything.results.map(({ plan: p }) => [p.instanceName, p.handsOn]));
  expect([handsOn["main"], handsOn["sync1"], handsOn["media_repository1"]]).toEqual([["media"], ["media"], []]);
});

test("a listener serves the groups of its families", () => {
  const listener = everything.results.find(({ plan: p }) => p.instanceName === "media_repository1")?.plan.listeners[0];
  const groups = ["client.receipts", "media.download", "replication", "health", "metrics"].map((name) => ({ name, routes: [] }));
  expect(listener && groupsServed(listener, groups).map(({ name }) => name)).toEqual(["client.receipts", "media.download", "health"]);
});

test("worker files of 2021: main's address beside the listeners, duties given away by switches alone", () => {
  const common = {
    listeners: shared.listeners,
    instance_map: { event_persister1: { host: "localhost", port: 8034 } },
    stream_writers: { events: "event_persister1" },
    send_federation: false,
    start_pushers: false,
    notify_appservices: false,
    update_user_directory: false,
    enable_media_repo: false,
  };
  const address = { worker_replication_host: "127.0.0.1", worker_replication_http_port: 9093 };
  const apps = ["federation_sender", "pusher", "appservice", "user_dir", "media_repository"];
  const results = [
    planOf(common),
    planOf(common, address, { ...worker("event_persister1"), worker_listeners: [http(8034, "replication")] }),
    ...apps.map((app) => planOf(common, address, { worker_app: `synapse.app.${app}`, worker_name: app })),
  ];
  expect(results.flatMap(({ errors }) => errors)).toEqual([]);
  const plans = results.map(({ plan: process }) => process);
  expect(checkDeployment(plans)).toEqual([]);
  expect(plans[0]?.services).toEqual(["background", "auto_accept_invites"]);
  expect(plans.slice(2).map(({ services }) => services.join())).toEqual([
    "federation_sender",
    "pusher",
    "appservice_sender",
    "user_directory",
    "media_jobs",
  ]);
  expect(plans[1]?.addresses).toEqual({
    main: { host: "127.0.0.1", port: 9093, tls: false },
    event_persister1: { host: "localhost", port: 8034, tls: false },
  });
});

test.each(["frontend_proxy", "client_reader", "event_creator", "federation_reader", "synchrotron"])("%s is a generic worker", (app) => {
  const { plan: process, errors } = planOf(shared, {
    worker_app: `synapse.app.${app}`,
    worker_name: "w1",
    worker_listeners: [http(8083, "client", "federation")],
  });
  expect(errors).toEqual([]);
  const generic = planOf(shared, worker("w1", { worker_listeners: [http(8083, "client", "federation")] })).plan;
  expect(process.listeners.map(({ families }) => families)).toEqual(generic.listeners.map(({ families }) => families));
  expect(process.services).toEqual([]);
});

test("worker files from before Redis: they connect to the main process", () => {
  const redis = { redis: { enabled: false } };
  const common = { ...redis, listeners: [...shared.listeners, { type: "replication", port: 9092 }], send_federation: false };
  const address = { worker_replication_host: "127.0.0.1", worker_replication_http_port: 9093 };
  const tcp = { ...address, worker_replication_port: 9092 };
  const results = [planOf(common), planOf(common, tcp, { worker_app: "synapse.app.federation_sender", worker_name: "s1" })];
  expect(results.map(({ plan: { bus } }) => bus)).toEqual([{ kind: "hub" }, { kind: "tcp", host: "127.0.0.1", port: 9092 }]);
  expect(results.flatMap(({ errors }) => errors)).toEqual([]);
  for (const { warnings } of results) expect(warnings.map(formatProblem)).toEqual([expect.stringMatching(/redis.enabled.*deprecated/)]);
  const problems = (...plans: typeof results) => checkDeployment(plans.map((result) => result.plan)).map(formatProblem);
  expect(problems(...results)).toEqual([]);
  const sender = { worker_app: "synapse.app.federation_sender", worker_name: "s1" };
  expect(problems(planOf(common), planOf(common, tcp, sender, { worker_replication_port: 9999 }))).toEqual([
    expect.stringMatching(/worker_replication_port.*s1/),
  ]);
  expect(problems(planOf(common), planOf(common, address, sender, { redis: { enabled: true } }))).toEqual([
    expect.stringMatching(/redis.enabled.*s1/),
  ]);
  expect(errorsOf(common, address, sender)).toEqual([expect.stringMatching(/redis.enabled/)]);
  expect(planOf(common, tcp, sender, { redis: { enabled: true } }).plan.bus).toEqual({ kind: "redis" });
  const open = { type: "replication", port: 9092, bind_addresses: ["0.0.0.0"] };
  expect(warningsOf(common, { listeners: [...shared.listeners, open], worker_replication_secret: undefined })).toEqual([
    expect.stringMatching(/redis.enabled/),
    expect.stringMatching(/worker_replication_secret/),
  ]);
});

test("processes agree on who shares which work, whatever else is in their files", () => {
  const of = (...files: Raw[]) => shardingOf(buildConfig([], { overrides: Object.assign({}, base, shared, ...files) }).config);
  const writers = { stream_writers: { events: ["w1", "w2"] }, federation_sender_instances: ["s1", "s2"] };
  expect(of(writers, worker("w1"))).toBe(of(writers, { stream_writers: { events: ["w2", "w1"] }, max_upload_size: "5M" }));
  const others = [{ stream_writers: { events: ["w1"] } }, { federation_sender_instances: ["s1"] }, { pusher_instances: ["p1"] }];
  expect(new Set([of(writers), ...others.map((other) => of(writers, other))]).size).toBe(4);
});

test("several senders, pushers and writers share by key; names count once; master means main", () => {
  const { plan: process, errors } = planOf(shared, worker("w1", { worker_listeners: [http(8034, "replication")] }), {
    instance_map: { ...shared.instance_map, w1: { path: "/run/w1.sock" } },
    stream_writers: { events: ["w1", "master", "w1"] },
    federation_sender_instances: ["w1", "master"],
    pusher_instances: ["w1", "w2"],
  });
  expect(errors).toEqual([]);
  expect(process.candidates).toMatchObject({
    events: ["w1", "main"],
    federation_sender: ["w1", "main"],
    pusher: ["w1", "w2"],
    typing: ["main"],
  });
  expect(process.services).toEqual(["federation_sender", "pusher"]);
  expect(process.addresses["w1"]).toEqual({ path: "/run/w1.sock" });
});

describe("what is refused", () => {
  const writer = { stream_writers: { events: "w1" } };

  test.each<[string, Raw[], RegExp[]]>([
    ["a worker without Redis", [shared, worker("w1"), { redis: { enabled: false } }], [/redis.enabled/]],
    ["a worker that cannot find the main process", [worker("w1")], [/instance_map.main/]],
    ["an unknown role", [shared, worker("w1", { worker_app: "synapse.app.generic_wroker" })], [/worker_app.*generic_wroker/]],
    ["a writer that nobody can reach", [shared, writer], [/instance_map.w1/]],
    [
      "a writer without a replication listener",
      [shared, writer, worker("w1", { instance_map: { ...shared.instance_map, w1: { host: "localhost", port: 8034 } } })],
      [/worker_listeners.*events/],
    ],
    ["a stream without a writer", [shared, { stream_writers: { typing: [] } }], [/stream_writers.typing/]],
    [
      "writers and duties of workers without Redis",
      [shared, writer, { redis: { enabled: false }, instance_map: { w1: { host: "h", port: 1 } }, pusher_instances: ["p1"] }],
      [/redis.enabled/, /pusher_instances/],
    ],
    ["a pusher beside a main process that pushes", [shared, { worker_app: "synapse.app.pusher", worker_name: "p1" }], [/start_pushers/]],
    [
      "a sender beside a main process that sends",
      [shared, { worker_app: "synapse.app.federation_sender", worker_name: "s1" }],
      [/send_federation/],
    ],
    ["an appservice worker beside main", [shared, { worker_app: "synapse.app.appservice", worker_name: "a1" }], [/notify_appservices/]],
    ["a user directory beside main", [shared, { worker_app: "synapse.app.user_dir", worker_name: "u1" }], [/update_user_directory/]],
    ["half an address", [shared, { instance_map: { ...shared.instance_map, w1: { host: "h" } } }], [/instance_map.w1/]],
    ["two addresses", [shared, { instance_map: { ...shared.instance_map, w1: { host: "h", port: 1, path: "/x" } } }], [/instance_map.w1/]],
    ["an unknown proxy for federation", [shared, { outbound_federation_restricted_to: ["f1"] }], [/instance_map.f1/]],
    ["two listeners at one address", [{ listeners: [http(8008, "client"), http(8008, "federation")] }], [/listeners\[1\]/]],
    ["a name with a space", [shared, worker("w 1")], [/worker_name/]],
    [
      "all of it at once",
      [worker("w1", { worker_app: "synapse.app.x", redis: { enabled: false }, stream_writers: { events: "w1" } })],
      [/worker_app/, /redis.enabled/, /instance_map.main/, /instance_map.w1/, /stream_writers/, /worker_listeners/],
    ],
  ])("%s", (_, files, wanted) => {
    const errors = errorsOf(...files);
    expect(errors).toHaveLength(wanted.length);
    wanted.forEach((pattern, i) => expect(errors[i]).toMatch(pattern));
    expect(() => requirePlan(buildConfig([], { overrides: Object.assign({}, base, ...files) }).config)).toThrow(wanted[0]);
  });
});

test.each<[string, Raw[], RegExp]>([
  ["a main process that workers cannot call", [{ listeners: [http(8008, "client")] }], /replication/],
  [
    "an open replication listener without a secret",
    [{ listeners: [{ ...http(9093, "replication"), bind_addresses: ["0.0.0.0"] }], worker_replication_secret: undefined }],
    /worker_replication_secret/,
  ],
  [
    "a writer that the others look for elsewhere",
    [
      shared,
      { instance_map: { ...shared.instance_map, w1: { host: "h", port: 8034 } }, stream_writers: { events: "w1" } },
      worker("w1", { worker_listeners: [http(8035, "replication")] }),
    ],
    /instance_map.w1/,
  ],
  [
    "a media listener without the repository",
    [shared, { enable_media_repo: false }, worker("w1", { worker_listeners: [http(8083, "media")] })],
    /media/,
  ],
  [
    "a pusher that the list of pushers leaves out",
    [shared, { pusher_instances: ["p2"] }, { worker_app: "synapse.app.pusher", worker_name: "p1" }],
    /pusher_instances/,
  ],
])("warned about: %s", (_, files, pattern) => {
  expect(errorsOf(...files)).toEqual([]);
  expect(warningsOf(...files)).toEqual([expect.stringMatching(pattern)]);
});

describe("between processes", () => {
  const check = (...files: Raw[][]) => checkDeployment(files.map((list) => planOf(shared, ...list).plan)).map(formatProblem);

  test("two processes of one name", () => {
    expect(check([], [worker("w1")], [worker("w1")])).toEqual([expect.stringMatching(/worker_name.*w1/)]);
  });

  test("a writer that is not there, and one that listens elsewhere", () => {
    const common = { instance_map: { ...shared.instance_map, w1: { host: "h", port: 8034 } }, stream_writers: { events: "w1" } };
    expect(check([common])).toEqual([expect.stringMatching(/events.*w1/)]);
    expect(check([common], [common, worker("w1", { worker_listeners: [http(8035, "replication")] })])).toEqual([
      expect.stringMatching(/instance_map.w1/),
    ]);
  });

  test("a duty that nobody has, and one that two have", () => {
    const off = { notify_appservices: false };
    const appservice = (name: string) => [off, { worker_app: "synapse.app.appservice", worker_name: name }];
    expect(check([off])).toEqual([expect.stringMatching(/appservice_sender/)]);
    expect(check([off], appservice("a1"), appservice("a2"))).toEqual([expect.stringMatching(/appservice_sender.*a1, a2/)]);
    expect(check([off], appservice("a1"))).toEqual([]);
  });
});

test("the plan in words", () => {
  const common = {
    instance_map: { ...shared.instance_map, w1: { host: "h", port: 8034 }, w2: { host: "h", port: 8035 } },
    stream_writers: { events: ["w1", "w2"] },
  };
  expect(formatPlan(planOf(shared, common, worker("w1", { worker_listeners: [http(8034, "replication")] })))).toBe(
    [
      "process   w1 (generic_worker)",
      "listens   127.0.0.1 port 8034: health, replication",
      "writes    events",
      "runs      nothing",
      "shares    events with w2",
    ].join("\n"),
  );
  expect(formatPlan(planOf({ redis: { enabled: false }, stream_writers: { typing: [] } }))).toContain("Errors:\n  stream_writers.typing: ");
});
