import type { Config } from "../../src/config/config";
import { buildConfig } from "../../src/config/load";
import type { ConfigValues } from "../../src/config/types.generated";

type DeepPartial<T> = T extends readonly (infer U)[]
  ? readonly DeepPartial<U>[]
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;

const unlimited = { per_second: 100_000, burst_count: 100_000 };

/** What server tests run with, besides Synapse's defaults: fixed secrets, cheap passwords, and no rate limits. */
export const testValues: DeepPartial<ConfigValues> = {
  server_name: "test.local",
  signing_key: `ed25519 test ${Buffer.alloc(32).toString("base64")}`,
  registration_shared_secret: "test-registration-secret",
  macaroon_secret_key: "test-macaroon-secret",
  form_secret: "test-form-secret",
  bcrypt_rounds: 4,
  // Tests ask the same again and mean it.
  caches: { sync_response_cache_duration: 0 },
  trusted_key_servers: [],
  rc_message: unlimited,
  rc_registration: unlimited,
  rc_registration_token_validity: unlimited,
  rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
  rc_joins: { local: unlimited, remote: unlimited },
  rc_joins_per_room: unlimited,
  rc_3pid_validation: unlimited,
  rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
  rc_third_party_invite: unlimited,
  rc_media_create: unlimited,
  rc_presence: { per_user: unlimited },
  rc_delayed_event_mgmt: unlimited,
  rc_reports: unlimited,
  rc_room_creation: unlimited,
  rc_user_directory: unlimited,
  rc_key_requests: unlimited,
  rc_federation: { sleep_limit: 100_000, sleep_delay: 0, reject_limit: 100_000, concurrent: 100 },
};

/** A complete configuration. Overrides are keys as in homeserver.yaml; each replaces the whole top-level key. */
export function testConfig(overrides: DeepPartial<ConfigValues> = {}): Config {
  return buildConfig([], { overrides: { ...testValues, ...overrides } }).config;
}
