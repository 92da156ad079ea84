import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../../src/config/load";
import { dump, load } from "js-yaml";
import { checkDeployment } from "../../../src/roles/deployment";
import { plan } from "../../../src/roles/plan";
import { nginxConfig } from "../../../src/roles/proxy/nginx";
import { proxyModel } from "../../../src/roles/proxy/proxyModel";
import { examplesFolder, workersOf } from "../../builders/exampleDeployment";

const folder = mkdtempSync(join(tmpdir(), "synapse-ts-deploy-"));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const signingKey = write("signing.key", `ed25519 a_sytest ${Buffer.alloc(32, 7).toString("base64").replace(/=+$/, "")}\n`);
const log = write(
  "log.yaml",
  `version: 1
formatters: {precise: {format: '%(asctime)s - %(name)s - %(levelname)s - %(request)s - %(message)s'}}
filters: {context: {(): synapse.logging.context.LoggingContextFilter, request: ''}}
handlers: {file: {class: logging.FileHandler, formatter: precise, filename: ${join(folder, "x.log")}, filters: [context]}}
root: {level: INFO, handlers: [file]}
`,
);
const limit = { per_second: 1000, burst_count: 1000 };

/** As the conformance suite writes it: with everything open and all limits high. */
const conformance = {
  server_name: "127.0.0.1:40001",
  public_baseurl: "https://127.0.0.1:40001/",
  pid_file: "/tmp/homeserver.pid",
  log_config: log,
  report_stats: false,
  listeners: [
    {
      type: "http",
      port: 40002,
      bind_addresses: ["127.0.0.1"],
      x_forwarded: true,
      resources: [{ names: ["client", "federation"], compress: false }],
    },
    { type: "http", port: 40003, bind_addresses: ["127.0.0.1"], resources: [{ names: ["replication"], compress: false }] },
  ],
  database: {
    name: "psycopg2",
    args: { dbname: "sytest_0", host: "127.0.0.1", port: 5432, user: "postgres", password: "", cp_min: 1, cp_max: 3 },
  },
  signing_key_path: signingKey,
  macaroon_secret_key: "m",
  form_secret: "f",
  registration_shared_secret: "reg_secret",
  federation_custom_ca_list: ["/keys/ca.crt"],
  use_insecure_ssl_client_just_for_testing_do_not_use: true,
  trusted_key_servers: [],
  suppress_key_server_warning: true,
  ip_range_blacklist: [],
  federation_ip_range_blacklist: [],
  url_preview_ip_range_blacklist: [],
  url_preview_enabled: true,
  media_store_path: "/tmp/media_store",
  enable_registration: true,
  enable_registration_without_verification: true,
  allow_guest_access: true,
  bcrypt_rounds: 4,
  allow_public_rooms_over_federation: true,
  allow_public_rooms_without_auth: true,
  require_membership_for_aliases: false,
  enable_ephemeral_messages: true,
  room_list_publication_rules: [{ action: "allow" }],
  default_room_version: "10",
  enable_metrics: true,
  user_agent_suffix: "homeserver[0]",
  limit_usage_by_mau: true,
  max_mau_value: 50_000_000,
  caches: { sync_response_cache_duration: 0 },
  rc_message: limit,
  rc_registration: limit,
  rc_login: { address: limit, account: limit, failed_attempts: limit },
  rc_joins: { local: limit, remote: limit },
  rc_invites: { per_room: limit, per_user: limit, per_issuer: limit },
  rc_presence: { per_user: limit },
  rc_admin_redaction: limit,
  rc_key_requests: limit,
  rc_federation: { window_size: 1000, sleep_limit: 100 },
  recaptcha_siteverify_api: "https://localhost:1/recaptcha/api/siteverify",
  recaptcha_public_key: "sytest_recaptcha_public_key",
  recaptcha_private_key: "sytest_recaptcha_private_key",
  cas_config: { enabled: true, server_url: "https://localhost:1/cas", service_url: "https://127.0.0.1:40001" },
  email: { smtp_host: "127.0.0.1", smtp_port: 2525, notif_from: "synapse-ts@localhost" },
  redis: { enabled: true, host: "127.0.0.1", port: 6379 },
  worker_replication_secret: "sytest_replication_secret",
  instance_map: { main: { host: "127.0.0.1", port: 40003 }, persister: { host: "127.0.0.1", port: 40011 } },
  stream_writers: { events: ["persister"], typing: ["persister"] },
};

test("the configuration of the conformance suite", () => {
  const { config, warnings } = loadConfig([write("conformance.yaml", dump(conformance))]);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    server_name: "127.0.0.1:40001",
    caches: { sync_response_cache_duration: 0, global_factor: 0.5 },
    email: { smtp_port: 2525 },
    rc_federation: { window_size: 1000, sleep_limit: 100, sleep_delay: 500, reject_limit: 50, concurrent: 3 },
    stream_writers: { events: ["persister"], typing: ["persister"], receipts: ["main"] },
    instance_map: { main: { host: "127.0.0.1", port: 40003, tls: false } },
    derived: {
      role: "main",
      instanceName: "main",
      signingKeys: [{ keyId: "ed25519:a_sytest" }],
      database: { kind: "server", options: { max: 3, password: undefined } },
    },
  });
});

test("one of its workers", () => {
  const worker = {
    worker_app: "synapse.app.generic_worker",
    worker_name: "persister",
    worker_log_config: log,
    worker_pid_file: "/tmp/persister.pid",
    worker_listeners: [
      { type: "http", port: 40010, bind_addresses: ["127.0.0.1"], x_forwarded: true, resources: [{ names: ["health"], compress: false }] },
      { type: "http", port: 40011, bind_addresses: ["127.0.0.1"], resources: [{ names: ["replication"], compress: false }] },
    ],
  };
  const { config } = loadConfig([write("c.yaml", dump(conformance)), write("w.yaml", dump(worker))]);
  expect(config.derived).toMatchObject({
    role: "generic_worker",
    instanceName: "persister",
    listeners: [{ port: 40010 }, { port: 40011 }],
  });
});

/** As the performance harness writes it: by hand, with anchors. */
const bench = `
server_name: bench
pid_file: /tmp/homeserver.pid
public_baseurl: http://127.0.0.1:21100/
listeners:
  - port: 21101
    type: http
    tls: false
    bind_addresses: ['127.0.0.1']
    x_forwarded: true
    resources:
      - names: [client, federation]
        compress: false
database:
  name: psycopg2
  args: {host: 127.0.0.1, port: 5432, user: bench, password: 123456, dbname: perf, cp_min: 5, cp_max: 10}
log_config: ${log}
media_store_path: /tmp/media
signing_key_path: ${signingKey}
trusted_key_servers: []
report_stats: false
enable_registration: true
enable_registration_without_verification: true
presence: {enabled: false}
user_directory: {enabled: true, search_all_users: true}
rc_message: &unlimited {per_second: 100000, burst_count: 100000}
rc_registration: *unlimited
rc_login:
  address: *unlimited
  account: *unlimited
  failed_attempts: *unlimited
rc_room_creation: *unlimited
rc_presence:
  per_user: *unlimited
federation_rr_transactions_per_room_per_second: 100000
worker_replication_secret: bench
redis: {enabled: true, host: localhost, port: 6379, dbid: 3}
instance_map:
  main: {host: 127.0.0.1, port: 21102}
  event_persister1: {host: 127.0.0.1, port: 21103}
stream_writers:
  events: event_persister1
federation_sender_instances: [federation_sender1]
pusher_instances: [pusher1]
enable_media_repo: false
media_instance_running_background_jobs: media1
`;

test("the configuration of the performance harness", () => {
  const { config, warnings } = loadConfig([write("bench.yaml", bench)]);
  expect(warnings).toEqual([]);
  expect(config).toMatchObject({
    rc_presence: { per_user: { per_second: 100_000, burst_count: 100_000 } },
    stream_writers: { events: ["event_persister1"] },
    redis: { dbid: 3 },
    pusher_instances: ["pusher1"],
    derived: { database: { kind: "server", options: { password: "123456", min: 5, max: 10 } } },
  });
});

/** A generated file of 2021 with what was usual then. */
const of2021 = `
server_name: "example.com"
pid_file: /var/run/matrix-synapse.pid
soft_file_limit: 0
use_presence: true
listeners:
  - port: 8008
    tls: false
    type: http
    x_forwarded: true
    bind_addresses: ['::1', '127.0.0.1']
    resources:
      - names: [client, federation]
        compress: false
acme:
    enabled: false
    url: https://acme-v01.api.letsencrypt.org/directory
tls_fingerprints: []
database:
  name: psycopg2
  args:
    user: synapse
    password: secret
    database: synapse
    host: /run/postgresql
    cp_min: 5
    cp_max: 10
log_config: ${log}
max_upload_size: 50M
turn_uris: ["turn:turn.example.com?transport=udp"]
turn_user_lifetime: 86400000
enable_registration: no
registration_shared_secret: "x"
signing_key_path: ${signingKey}
trusted_key_servers:
  - server_name: "matrix.org"
saml2_config:
  sp_config:
sso:
password_config:
   #enabled: false
push:
report_stats: no
enable_group_creation: true
stats: {enabled: true, bucket_size: 1d}
opentracing:
redis:
`;

test("a file of 2021", () => {
  const { config, warnings } = loadConfig([write("2021.yaml", of2021)]);
  expect(warnings.map(({ key }) => key)).toEqual([
    "use_presence",
    "acme",
    "tls_fingerprints",
    "enable_group_creation",
    "stats.bucket_size",
  ]);
  expect(config).toMatchObject({ turn_user_lifetime: 86_400_000, redis: { enabled: false }, push: { enabled: true } });
});

/** The examples name files which exist on the machine of an operator only. */
describe.each([
  { example: "", problems: [], warnings: ["registration_shared_secret_path"] },
  { example: "2021", problems: [], warnings: [] },
  { example: "2019", problems: ["redis.enabled"], warnings: ["use_presence"] },
  { example: "compose", problems: [], warnings: [] },
])("the example '$example'", ({ example, problems, warnings: expected }) => {
  const log_config = join(examplesFolder, "log.yaml");
  const local = { log_config, worker_log_config: log_config, signing_key_path: signingKey };
  const load = (...files: string[]) =>
    loadConfig(
      ["homeserver.yaml", ...files].map((file) => join(examplesFolder, example, file)),
      { overrides: local },
    );
  const workers = workersOf(example);
  const ofWorkers = example === "" || example === "compose" ? [] : ["worker_replication_host"];

  test("of the main process", () => {
    const { config, warnings } = load();
    expect(warnings.map(({ key }) => key)).toEqual(expected);
    expect(config.derived).toMatchObject({ role: "main", listeners: expect.arrayContaining([expect.objectContaining({ port: 9093 })]) });
  });

  test.each(workers)("of the worker %s", (name) => {
    const { config, warnings } = load(`workers/${name}.yaml`);
    expect(warnings.map(({ key }) => key).filter((key) => key !== "worker_main_http_uri")).toEqual([...expected, ...ofWorkers]);
    expect(config.derived.instanceName).toBe(name);
  });

  test("make a sound deployment, for which the file of nginx is written", () => {
    const plans = [load(), ...workers.map((name) => load(`workers/${name}.yaml`))].map(({ config }) => plan(config));
    expect(plans.flatMap(({ errors }) => errors)).toEqual([]);
    expect([...new Set(plans.flatMap(({ warnings }) => warnings.map(({ key }) => key)))]).toEqual(problems);
    const processes = plans.map((result) => result.plan);
    expect(checkDeployment(processes)).toEqual([]);
    // synapse-ts proxy-config nginx -c homeserver.yaml -w workers > nginx.conf
    const written = nginxConfig(proxyModel(load().config, processes), { port: 80 });
    // Routes that were added since go to the main process, which answers them.
    const withoutRoutes = (text: string): string => text.replace(/^ {4}"~\^.*\n/gm, "");
    const file = readFileSync(join(examplesFolder, example, "nginx.conf"), "utf8");
    expect(withoutRoutes(file)).toBe(withoutRoutes(written));
    expect(file.length).toBeGreaterThan(0.9 * written.length);
  });
});

interface ComposeService {
  readonly command?: readonly string[];
  readonly depends_on?: object;
}

test("each process of the example for containers has its service, by whose name the others call it", () => {
  const read = (file: string) =>
    load(readFileSync(join(examplesFolder, "compose", file), "utf8")) as Record<string, Record<string, object>>;
  const services = read("compose.yaml")["services"] as Record<string, ComposeService>;
  const workers = workersOf("compose");
  const configuration = "/config/homeserver.yaml";
  expect(services["main"]?.command).toEqual(["run", "-c", configuration]);
  for (const name of workers) {
    expect(services[name]?.command).toEqual(["run", "-c", configuration, "-c", `/config/workers/${name}.yaml`]);
    // for the health check of the image
    expect(read(`workers/${name}.yaml`)["worker_listeners"]).toContainEqual(expect.objectContaining({ port: 8008, type: "http" }));
  }
  expect(Object.keys(services).sort()).toEqual(["main", "nginx", "postgres", "redis", ...workers].sort());
  const needed = Object.values(services).flatMap(({ depends_on: on = {} }) => Object.keys(on));
  expect(needed.filter((name) => !(name in services))).toEqual([]);
  const { instance_map: map, database, redis } = read("homeserver.yaml");
  for (const [name, address] of Object.entries(map ?? {})) expect(address).toEqual({ host: name, port: 9093 });
  expect([database, redis]).toMatchObject([{ args: { host: "postgres" } }, { host: "redis" }]);
});
