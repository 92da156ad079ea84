import { buildConfig } from "../../../src/config/load";
import { ConfigError, formatProblem } from "../../../src/config/problems";
import { parseYaml } from "../../../src/config/yaml";

const base = { server_name: "a.example", signing_key: `ed25519 1 ${Buffer.alloc(32).toString("base64")}` };

function load(text: string): ReturnType<typeof buildConfig> {
  const { value, problem } = parseYaml(text, "homeserver.yaml");
  if (problem !== undefined) throw new ConfigError([problem]);
  return buildConfig([
    { file: "", values: base },
    { file: "homeserver.yaml", values: (value ?? {}) as Record<string, unknown> },
  ]);
}

function problemsOf(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(formatProblem);
  }
}

const warningsOf = (text: string): string[] => load(text).warnings.map(formatProblem);

test.each([
  ["defaults", "", { enable_registration: false, bcrypt_rounds: 12, presence: { enabled: true, idle_timeout: 300_000 } }],
  ["durations", "retention: {default_policy: {max_lifetime: 1y}}", { retention: { default_policy: { max_lifetime: 31_536_000_000 } } }],
  ["integers are milliseconds", "turn_user_lifetime: 86400000", { turn_user_lifetime: 86_400_000 }],
  ["sizes", "max_upload_size: 20M\nevent_cache_size: 5", { max_upload_size: 20_971_520, event_cache_size: 5 }],
  ["null where it means something", "redaction_retention_period: null", { redaction_retention_period: null }],
  [
    "null elsewhere is not given",
    "password_config:\nrc_message: ~",
    { password_config: { enabled: true }, rc_message: { per_second: 0.2, burst_count: 10 } },
  ],
  [
    "part of a block",
    "rc_login: {account: {per_second: 1}}",
    { rc_login: { account: { per_second: 1, burst_count: 5 }, address: { per_second: 0.003, burst_count: 5 } } },
  ],
  ["off is a text here", "encryption_enabled_by_default_for_room_type: off", { encryption_enabled_by_default_for_room_type: "off" }],
  ["untracked presence", "presence: {enabled: untracked}", { presence: { enabled: "untracked" } }],
  ["only_for_reauth", "password_config: {enabled: only_for_reauth}", { password_config: { enabled: "only_for_reauth" } }],
  ["numbers for texts", "default_room_version: 9", { default_room_version: "9" }],
  [
    "dates for texts",
    "user_consent: {template_dir: x, version: 2018-01-01}",
    { user_consent: { version: "2018-01-01", policy_name: "Privacy Policy" } },
  ],
  ["texts for numbers", "email: {notif_from: a, smtp_port: '587'}", { email: { smtp_port: 587 } }],
  ["texts for booleans", "enable_search: 'false'", { enable_search: false }],
  ["one for a list", "stream_writers: {events: worker1}", { stream_writers: { events: ["worker1"], typing: ["main"] } }],
  [
    "master is main",
    "stream_writers: {receipts: [master, w]}\nrun_background_tasks_on: master",
    { stream_writers: { receipts: ["main", "w"] }, run_background_tasks_on: "main" },
  ],
  ["mail over TLS", "email: {notif_from: a, force_tls: true}", { email: { smtp_port: 465 } }],
  [
    "a slash after the address",
    "public_baseurl: https://m.example",
    { public_baseurl: "https://m.example/", derived: { publicBaseurl: "https://m.example/" } },
  ],
  ["the address by default", "", { derived: { publicBaseurl: "https://a.example/" } }],
  ["ranges for federation", "ip_range_blacklist: [10.0.0.0/8]", { federation_ip_range_blacklist: ["10.0.0.0/8"] }],
  ["empty ranges for federation", "federation_ip_range_blacklist: []", { federation_ip_range_blacklist: [] }],
  [
    "rules with globs",
    "alias_creation_rules: [{action: deny}]",
    { alias_creation_rules: [{ user_id: "*", alias: "*", room_id: "*", action: "deny" }] },
  ],
  [
    "pairs of type and state key",
    "room_prejoin_state: {additional_event_types: [a, [b, c]]}",
    { room_prejoin_state: { additional_event_types: ["a", ["b", "c"]] } },
  ],
  [
    "unknown experiments",
    "experimental_features: {msc9999_enabled: true}",
    { experimental_features: { msc9999_enabled: true, msc3575_enabled: true } },
  ],
  ["free-form content", "extra_well_known_client_content: {a.b: {c: [1]}}", { extra_well_known_client_content: { "a.b": { c: [1] } } }],
  ["a map of names", "mau_appservice_trial_days: {irc: 3}", { mau_appservice_trial_days: { irc: 3 } }],
  [
    "provider defaults",
    "oidc_providers: [{idp_id: x, issuer: 'https://i', client_id: c, client_secret: s}]",
    { oidc_providers: [{ scopes: ["openid"], pkce_method: "auto", user_mapping_provider: { config: { subject_claim: "sub" } } }] },
  ],
])("%s", (_name, text, expected) => {
  expect(load(text).config).toMatchObject(expected);
  expect(warningsOf(text)).toEqual([]);
});

test("blocks that are not given stay absent", () => {
  const { config } = load("");
  for (const key of [
    "email",
    "saml2_config",
    "user_consent",
    "server_notices",
    "rc_admin_redaction",
    "federation_domain_whitelist",
    "session_lifetime",
  ] as const) {
    expect(config[key]).toBeUndefined();
  }
  expect(load("federation_domain_whitelist: []").config.federation_domain_whitelist).toEqual([]);
});

test.each([
  ["rc_message: {per_second: fast}", ['homeserver.yaml: rc_message.per_second: found "fast", wanted a number, at least 0']],
  ["max_upload_size: big", ['homeserver.yaml: max_upload_size: found "big", wanted a size such as 10K, 50M, 1G, or a number']],
  [
    "turn_user_lifetime: 3 hours",
    ['homeserver.yaml: turn_user_lifetime: found "3 hours", wanted a duration such as 30s, 5m, 1h, 7d, or milliseconds'],
  ],
  ["enable_registration: maybe", ['homeserver.yaml: enable_registration: found "maybe", wanted true or false']],
  ["bcrypt_rounds: 99", ["homeserver.yaml: bcrypt_rounds: found 99, wanted a whole number from 4 to 31"]],
  ["presence: {enabled: sometimes}", ['homeserver.yaml: presence.enabled: found "sometimes", wanted one of true, false, untracked']],
  ["presence: yes", ["homeserver.yaml: presence: found true, wanted a mapping"]],
  ["auto_join_rooms: '#a:b'", ['homeserver.yaml: auto_join_rooms: found "#a:b", wanted a list of texts']],
  ["auto_join_rooms: [[x]]", ["homeserver.yaml: auto_join_rooms[0]: found a list, wanted a text"]],
  [
    "room_prejoin_state: {additional_event_types: [{a: b}]}",
    ["homeserver.yaml: room_prejoin_state.additional_event_types[0]: found a mapping, wanted a text or a list of texts"],
  ],
  ["email: {smtp_host: x}", ["homeserver.yaml: email.notif_from: must be given"]],
  ["registration_shared_secret: [abc]", ["homeserver.yaml: registration_shared_secret: found a list, wanted a text"]],
  ["recaptcha_private_key: {a: hidden}", ["homeserver.yaml: recaptcha_private_key: found a mapping, wanted a text"]],
  [
    "server_name: 'not a name'",
    ['homeserver.yaml: server_name: found "not a name", wanted a host name such as example.com, with a port where it needs one'],
  ],
  ["default_room_version: 99", [expect.stringMatching(/^homeserver\.yaml: default_room_version: found "99", wanted one of 1, 2, .*11/)]],
  ["server_name: '[::1]:8448'", []],
  ["server_name: '127.0.0.1:40001'", []],
  [
    "server_name: '[::g]'",
    ['homeserver.yaml: server_name: found "[::g]", wanted a host name such as example.com, with a port where it needs one'],
  ],
  [
    "ip_range_whitelist: [10.0.0.0/33]",
    ['homeserver.yaml: ip_range_whitelist[0]: found "10.0.0.0/33", wanted an address range such as 10.0.0.0/8'],
  ],
  ["ip_range_whitelist: ['fd00::/8', 1.2.3.4]", []],
  [
    "web_client_location: /srv/web",
    ['homeserver.yaml: web_client_location: found "/srv/web", wanted a URL that begins with http:// or https://'],
  ],
  [
    "enable_registration: true",
    [
      "homeserver.yaml: enable_registration: open registration invites abuse: set one of enable_registration_captcha, registration_requires_token and " +
        "registrations_require_3pid, or confirm with enable_registration_without_verification: true",
    ],
  ],
  ["enable_registration: true\nregistration_requires_token: true", []],
  [
    "enable_registration_captcha: true\nrecaptcha_public_key: x",
    ["recaptcha_private_key: must be given, because enable_registration_captcha is on"],
  ],
  [
    "url_preview_enabled: true",
    ["url_preview_ip_range_blacklist: must be given, because url_preview_enabled is on: without it previews reach your own network"],
  ],
  ["registrations_require_3pid: [email]", ["email: must be given, because registrations_require_3pid asks for an address"]],
  ["jwt_config: {enabled: true, secret: x}", ["homeserver.yaml: jwt_config.algorithm: must be given, because jwt_config is enabled"]],
  ["cas_config: {enabled: true}", ["homeserver.yaml: cas_config.server_url: must be given, because cas_config is enabled"]],
  [
    "oidc_providers:\n- {idp_id: x, issuer: a, client_id: c, client_secret: s}\n- {idp_id: x, issuer: a, client_id: c, client_auth_method: none, discover: false, scopes: [openid]}",
    [
      'homeserver.yaml: oidc_providers[1].idp_id: found "x", wanted an id that no other provider has',
      "homeserver.yaml: oidc_providers[1].authorization_endpoint: must be given, because discover is off",
      "homeserver.yaml: oidc_providers[1].token_endpoint: must be given, because discover is off",
      "homeserver.yaml: oidc_providers[1].jwks_uri: must be given, because discover is off",
    ],
  ],
  [
    "matrix_authentication_service: {enabled: true, secret: x}\nallow_guest_access: true",
    ["homeserver.yaml: allow_guest_access: must be off, because matrix_authentication_service handles accounts"],
  ],
  [
    "retention: {allowed_lifetime_min: 1y, allowed_lifetime_max: 1d}",
    ["homeserver.yaml: retention.allowed_lifetime_min: may not be longer than allowed_lifetime_max"],
  ],
  ["redis: {certificate_file: x}", ["homeserver.yaml: redis.private_key_file: certificate_file and private_key_file go together"]],
  [
    "allowed_local_3pids: [{medium: email, pattern: '('}]",
    ['homeserver.yaml: allowed_local_3pids[0].pattern: found "(", wanted a regular expression'],
  ],
  ["log_file: /var/log/x", ["homeserver.yaml: log_file: no longer supported: write the log file into the file that log_config names"]],
  [
    "account_threepid_delegates: {email: 'https://x'}",
    [
      "homeserver.yaml: account_threepid_delegates.email: no longer supported: remove it and configure email: the homeserver validates addresses itself",
    ],
  ],
  [
    "experimental_features: {msc3861: {enabled: true, issuer: x}}",
    [
      "homeserver.yaml: experimental_features.msc3861: no longer supported: use matrix_authentication_service: the experimental form of delegated login is gone",
    ],
  ],
  ["experimental_features: {msc3861: {enabled: false}}", []],
  ["invite_3pid_guest: false", []],
  [
    "signing_key: ed25519 1 abc",
    ['homeserver.yaml: signing_key: signing key file, line 1: expected "ed25519 <version> <32 bytes in base64>"'],
  ],
  [
    "modules: [{module: acme.Filter}]",
    [
      "homeserver.yaml: modules[0].module: the Python module acme.Filter cannot run here, and nothing replaces it. Remove it, or list it in synapse_ts.skip_modules to run without it",
    ],
  ],
  ["media_storage_providers: [{module: file_system, config: {directory: /x}}]", []],
  ["media_storage_providers: [{module: s3_storage_provider.S3StorageProviderBackend, config: {bucket: x}}]", []],
  [
    "media_storage_providers: [{module: file_system}, {module: s3_storage_provider.S3StorageProviderBackend, config: {prefix: x}}]",
    [
      "homeserver.yaml: media_storage_providers[0].config.directory: must be given",
      "homeserver.yaml: media_storage_providers[1].config.bucket: must be given",
    ],
  ],
])("%s", (text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});

test("everything that is wrong is reported at once", () => {
  const text =
    "bcrypt_rounds: many\nmax_upload_size: x\nlisteners: [{type: http}]\nurl_preview_enabled: true\ndatabase: {args: {cp_min: 9, cp_max: 1}}\nemail: {smtp_port: -1}\n";
  expect(problemsOf(text)).toEqual([
    'homeserver.yaml: max_upload_size: found "x", wanted a size such as 10K, 50M, 1G, or a number',
    'homeserver.yaml: bcrypt_rounds: found "many", wanted a whole number from 4 to 31',
    "homeserver.yaml: email.notif_from: must be given",
    "homeserver.yaml: email.smtp_port: found -1, wanted a whole number from 1 to 65535",
    "url_preview_ip_range_blacklist: must be given, because url_preview_enabled is on: without it previews reach your own network",
    "homeserver.yaml: listeners[0].port: must be given (or path, for a unix socket)",
    "homeserver.yaml: database.args.cp_min: found 9, wanted at most cp_max, which is 1",
  ]);
});

test("a server without a name", () => {
  expect(() => buildConfig([{ file: "h.yaml", values: {} }])).toThrow("Error in configuration:\n  server_name: must be given");
});

test.each([
  ["enable_registraton: true", ["homeserver.yaml: enable_registraton: unknown key, ignored; did you mean enable_registration?"]],
  ["frobnicate: 1", ["homeserver.yaml: frobnicate: unknown key, ignored"]],
  ["presence: {enable: false}", ["homeserver.yaml: presence.enable: unknown key, ignored; did you mean enabled?"]],
  [
    "listeners: [{type: http, port: 1, bind_adresses: []}]",
    ["homeserver.yaml: listeners[0].bind_adresses: unknown key, ignored; did you mean bind_addresses?"],
  ],
  ["gc_thresholds: [1, 2, 3]\nuse_frozen_dicts: true", []],
  [
    "sentry: {dsn: x}",
    [
      "homeserver.yaml: sentry: has no effect: error reporting to Sentry is not available: send the error log to a collector with log_config",
    ],
  ],
  ["enable_group_creation: true", ["homeserver.yaml: enable_group_creation: has no effect: communities were replaced by spaces"]],
  ["uploads_path: /x", ["homeserver.yaml: uploads_path: has no effect: media are kept in media_store_path (see media_store_path)"]],
  [
    "modules: [{module: acme.Filter}]\nsynapse_ts: {skip_modules: [acme.Filter]}",
    ["homeserver.yaml: modules[0].module: acme.Filter is skipped, as synapse_ts.skip_modules says"],
  ],
])("%s only warns", (text, warnings) => {
  expect(warningsOf(text)).toEqual(warnings);
});

test("secrets are never shown", () => {
  expect(problemsOf("redis: {password: {a: b}}")).toEqual(["homeserver.yaml: redis.password: found a mapping, wanted a text"]);
  expect(problemsOf("registrations_require_3pid: hunter2")).toEqual([
    'homeserver.yaml: registrations_require_3pid: found "hunter2", wanted a list of texts',
  ]);
  expect(problemsOf("old_signing_keys: {'ed25519:1': {key: 1, expired_ts: soon}}")).toEqual([
    'homeserver.yaml: old_signing_keys.ed25519:1.expired_ts: found "soon", wanted a whole number',
  ]);
});

test("the environment decides about cache factors, and about proxies where the file does not", () => {
  const environment = {
    SYNAPSE_CACHE_FACTOR: "2",
    SYNAPSE_CACHE_FACTOR_GET_USERS_IN_ROOM: "4",
    https_proxy: "http://p:1",
    no_proxy: "a, b",
  };
  const values = { ...base, caches: { global_factor: 1, per_cache_factors: { "*getEvent*": 3 } }, http_proxy: "http://q:1" };
  const { config } = buildConfig([{ file: "h.yaml", values }], { environment });
  expect(config.caches).toMatchObject({ global_factor: 2, per_cache_factors: { getevent: 3, get_users_in_room: 4 } });
  expect(config).toMatchObject({ http_proxy: "http://q:1", https_proxy: "http://p:1", no_proxy_hosts: ["a", "b"] });
});
