import { buildConfig } from "../../../src/config/load";
import { formatProblem } from "../../../src/config/problems";
import { parseYaml } from "../../../src/config/yaml";

const base = { server_name: "a.example", signing_key: `ed25519 1 ${Buffer.alloc(32).toString("base64")}` };

function load(text: string): ReturnType<typeof buildConfig> {
  const { value } = parseYaml(text, "h.yaml");
  return buildConfig([
    { file: "", values: base },
    { file: "h.yaml", values: value as Record<string, unknown> },
  ]);
}

const http = { type: "http", tls: false, x_forwarded: false, bind_addresses: ["::", "0.0.0.0"] };

test.each([
  ["use_presence: false", { presence: { enabled: false } }, ["h.yaml: use_presence: old name, use presence.enabled instead"]],
  [
    "use_presence: false\npresence: {enabled: true}",
    { presence: { enabled: true } },
    ["h.yaml: use_presence: old name, use presence.enabled instead"],
  ],
  [
    "rc_messages_per_second: 7\nrc_message_burst_count: 9",
    { rc_message: { per_second: 7, burst_count: 9 } },
    [
      "h.yaml: rc_messages_per_second: old name, use rc_message.per_second instead",
      "h.yaml: rc_message_burst_count: old name, use rc_message.burst_count instead",
    ],
  ],
  [
    "federation_rc_concurrent: 8",
    { rc_federation: { concurrent: 8, window_size: 1000 } },
    ["h.yaml: federation_rc_concurrent: old name, use rc_federation.concurrent instead"],
  ],
  [
    "ip_range_blocklist: [10.0.0.0/8]",
    { ip_range_blacklist: ["10.0.0.0/8"] },
    ["h.yaml: ip_range_blocklist: old name, use ip_range_blacklist instead"],
  ],
  [
    "push: {redact_content: true}",
    { push: { include_content: false } },
    ["h.yaml: push.redact_content: old name, use push.include_content instead"],
  ],
  [
    "access_token_lifetime: 10m",
    { refreshable_access_token_lifetime: 600_000 },
    ["h.yaml: access_token_lifetime: old name, use refreshable_access_token_lifetime instead"],
  ],
  [
    "email: {notif_from: x, riot_base_url: 'https://e', template_dir: /t}",
    { email: { client_base_url: "https://e" }, templates: { custom_template_directory: "/t" } },
    [
      "h.yaml: email.riot_base_url: old name, use email.client_base_url instead",
      "h.yaml: email.template_dir: old name, use templates.custom_template_directory instead",
    ],
  ],
  [
    "bind_port: 8448\nunsecure_port: 8008\nbind_host: 127.0.0.1\nno_tls: true\ngzip_responses: false",
    {
      listeners: [
        { ...http, port: 8008, bind_addresses: ["127.0.0.1"], resources: [{ names: ["client", "federation"], compress: false }] },
      ],
    },
    ["h.yaml: no_tls: old form, remove the listeners that have tls: true instead", "h.yaml: bind_port: old form, use listeners instead"],
  ],
  [
    "manhole: 9000\nmetrics_port: 9100",
    {
      listeners: [
        { type: "manhole", port: 9000, bind_addresses: ["127.0.0.1"] },
        { type: "metrics", port: 9100, bind_addresses: ["127.0.0.1"] },
      ],
    },
    [
      "h.yaml: manhole: old form, add an entry of type manhole to listeners instead",
      "h.yaml: metrics_port: old form, add an entry of type metrics to listeners instead",
    ],
  ],
  [
    "listeners: [{port: 1, type: http, bind_address: ''}, {port: 2, type: http, bind_address: 10.0.0.1, resources: [{names: [client, webclient]}]}, {port: 3, type: replication}]",
    {
      listeners: [
        { ...http, port: 1 },
        { ...http, port: 2, bind_addresses: ["10.0.0.1"], resources: [{ names: ["client"] }] },
        { type: "replication", port: 3, bind_addresses: ["127.0.0.1"] },
      ],
    },
    ["h.yaml: listeners[1].resources[0].names: webclient has no effect: set web_client_location to send visitors to a client"],
  ],
  [
    "redis: {enabled: true}\nlisteners: [{port: 3, type: replication}]",
    { listeners: [] },
    ["h.yaml: listeners[0]: a listener of type replication has no effect: processes are connected by Redis"],
  ],
  [
    "worker_app: synapse.app.generic_worker\nworker_name: w\nworker_listeners: [{port: 3, type: replication}]",
    { worker_listeners: [] },
    ["h.yaml: worker_listeners[0]: a listener of type replication has no effect: workers connect to the main process"],
  ],
  [
    "worker_app: synapse.app.generic_worker\nworker_name: w\nworker_replication_host: 10.0.0.1\nworker_replication_http_port: 9093",
    { instance_map: { main: { host: "10.0.0.1", port: 9093, tls: false } }, derived: { instanceName: "w", role: "generic_worker" } },
    ["h.yaml: worker_replication_host: old form, add main to instance_map instead"],
  ],
  [
    "worker_app: synapse.app.pusher\nworker_manhole: 9000",
    { derived: { instanceName: "pusher", listeners: [{ type: "manhole", port: 9000 }] } },
    ["h.yaml: worker_manhole: old form, add an entry of type manhole to worker_listeners instead"],
  ],
  [
    "database_path: /nowhere/x.db",
    { database: { name: "sqlite3", args: { database: "/nowhere/x.db" } } },
    ["h.yaml: database_path: old form, use database.args.database instead"],
  ],
  [
    "databases: {one: {name: psycopg2, data_stores: [state], args: {dbname: s}}, two: {name: psycopg2, data_stores: [main], args: {dbname: m}}}",
    { database: { name: "psycopg2", args: { dbname: "m" } } },
    ["h.yaml: databases: everything is kept in one database: two is used, one not"],
  ],
  [
    "restrict_public_rooms_to_local_users: false",
    { allow_public_rooms_without_auth: true, allow_public_rooms_over_federation: true },
    [
      "h.yaml: restrict_public_rooms_to_local_users: old form, use allow_public_rooms_without_auth and allow_public_rooms_over_federation instead",
    ],
  ],
  [
    "backup_media_store_path: /b\nsynchronous_backup_media_store: true",
    {
      media_storage_providers: [
        { module: "file_system", store_local: true, store_remote: true, store_synchronous: true, config: { directory: "/b" } },
      ],
    },
    ["h.yaml: backup_media_store_path: old form, add an entry with module: file_system to media_storage_providers instead"],
  ],
  [
    "oidc_config: {enabled: true, issuer: 'https://i', client_id: c, client_secret: s}",
    { oidc_providers: [{ idp_id: "oidc", issuer: "https://i" }] },
    ["h.yaml: oidc_config: old form, use oidc_providers instead"],
  ],
  ["oidc_config: {enabled: false}", { oidc_providers: [] }, []],
  [
    "room_invite_state_types: [m.room.name]",
    { room_prejoin_state: { disable_default_event_types: true, additional_event_types: ["m.room.name"] } },
    ["h.yaml: room_invite_state_types: old form, use room_prejoin_state instead"],
  ],
  [
    "perspectives: {servers: {matrix.org: {verify_keys: {'ed25519:auto': {key: abc}}}}}",
    { trusted_key_servers: [{ server_name: "matrix.org", verify_keys: { "ed25519:auto": "abc" } }] },
    ["h.yaml: perspectives: old form, use trusted_key_servers instead"],
  ],
  [
    "caches: {expiry_time: 10m}",
    { caches: { expire_caches: true, cache_entry_ttl: 600_000 } },
    ["h.yaml: caches.expiry_time: old form, use caches.expire_caches and caches.cache_entry_ttl instead"],
  ],
  [
    "modules: [{module: synapse_auto_accept_invite.InviteAutoAccepter, config: {accept_invites_only_for_direct_messages: true}}]",
    { modules: [], auto_accept_invites: { enabled: true, only_for_direct_messages: true, only_from_local_users: false } },
    [],
  ],
  [
    "saml2_config: {sp_config: {a: b}, mxid_mapping: dotreplace}",
    { saml2_config: { user_mapping_provider: { config: { mxid_mapping: "dotreplace", mxid_source_attribute: "uid" } } } },
    ["h.yaml: saml2_config.mxid_mapping: old name, use saml2_config.user_mapping_provider.config.mxid_mapping instead"],
  ],
])("%s", (text, expected, warnings) => {
  const loaded = load(text);
  expect(loaded.config).toMatchObject(expected);
  expect(loaded.warnings.map(formatProblem)).toEqual(warnings);
});

test("the file of a worker without Redis says where the main process listens for it", () => {
  const file =
    "worker_app: synapse.app.generic_worker\nworker_replication_host: h\nworker_replication_port: 9092\nworker_replication_http_port: 9093";
  expect(load(file).config).toMatchObject({
    worker_replication_host: "h",
    worker_replication_port: 9092,
    instance_map: { main: { host: "h", port: 9093 } },
  });
});
