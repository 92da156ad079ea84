import { isIP, isIPv6 } from "node:net";
import { roomVersions } from "../rooms/versions";
import type { LoadContext } from "./context";
import type { ConfigValues, OidcProvider } from "./types.generated";

/** Rules about several keys together, and about values that a type cannot describe. */
export function checkConfig(config: ConfigValues, context: LoadContext): void {
  for (const check of checks) check(config, context);
}

type Check = (config: ConfigValues, context: LoadContext) => void;

const checks: readonly Check[] = [
  checkServerName,
  checkRoomVersion,
  checkUrls,
  checkRanges,
  checkRegistration,
  checkPreviews,
  checkMail,
  checkLogin,
  checkOidc,
  checkDelegation,
  checkRetention,
  checkRedis,
  checkPatterns,
];

/** The grammar of server names (specification: appendices, "Server Name"). */
export function isServerName(name: string): boolean {
  const match = /^(\[[0-9a-fA-F:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(:\d{1,5})?$/.exec(name);
  return match !== null && (!match[1]?.startsWith("[") || isIPv6(match[1].slice(1, -1)));
}

function checkServerName(config: ConfigValues, context: LoadContext): void {
  if (isServerName(config.server_name)) return;
  context.problem({
    key: "server_name",
    found: JSON.stringify(config.server_name),
    wanted: "a host name such as example.com, with a port where it needs one",
  });
}

function checkRoomVersion(config: ConfigValues, context: LoadContext): void {
  const version = config.default_room_version;
  if (roomVersions.has(version)) return;
  context.problem({ key: "default_room_version", found: JSON.stringify(version), wanted: `one of ${[...roomVersions.keys()].join(", ")}` });
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:/.test(text);
}

function checkUrls(config: ConfigValues, context: LoadContext): void {
  for (const key of ["public_baseurl", "web_client_location", "http_proxy", "https_proxy"] as const) {
    const value = config[key];
    if (value === undefined || isHttpUrl(value) || (key.endsWith("proxy") && /^[\w.-]+(:\d+)?$/.test(value))) continue;
    context.problem({ key, found: JSON.stringify(value), wanted: "a URL that begins with http:// or https://" });
  }
  for (const key of ["m.homeserver", "m.identity_server"]) {
    if (!Object.hasOwn(config.extra_well_known_client_content, key)) continue;
    const own = key === "m.homeserver" ? "public_baseurl" : "default_identity_server";
    context.problem({ key: "extra_well_known_client_content", found: key, wanted: `other keys only; set ${own} instead` });
  }
}

function checkRanges(config: ConfigValues, context: LoadContext): void {
  const keys = [
    "ip_range_blacklist",
    "ip_range_whitelist",
    "federation_ip_range_blacklist",
    "url_preview_ip_range_blacklist",
    "url_preview_ip_range_whitelist",
  ] as const;
  for (const key of keys) {
    const ranges: readonly string[] = config[key] ?? [];
    for (const [index, range] of ranges.entries()) {
      if (!isRange(range))
        context.problem({ key: `${key}[${index}]`, found: JSON.stringify(range), wanted: "an address range such as 10.0.0.0/8" });
    }
  }
}

function isRange(text: string): boolean {
  const [address = "", prefix, more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}

function checkRegistration(config: ConfigValues, context: LoadContext): void {
  const verified = config.enable_registration_captcha || config.registration_requires_token || config.registrations_require_3pid.length > 0;
  if (config.enable_registration && !verified && !config.enable_registration_without_verification) {
    context.problem({
      key: "enable_registration",
      wanted:
        "open registration invites abuse: set one of enable_registration_captcha, registration_requires_token and registrations_require_3pid, " +
        "or confirm with enable_registration_without_verification: true",
    });
  }
  if (config.enable_registration_captcha) {
    for (const key of ["recaptcha_public_key", "recaptcha_private_key"] as const) {
      if (config[key] === undefined) context.problem({ key, wanted: "must be given, because enable_registration_captcha is on" });
    }
  }
  if (config.account_validity.enabled && config.account_validity.period === undefined) {
    context.problem({ key: "account_validity.period", wanted: "must be given, because account_validity is enabled" });
  }
}

function checkPreviews(config: ConfigValues, context: LoadContext): void {
  if (config.url_preview_enabled && config.url_preview_ip_range_blacklist === undefined) {
    context.problem({
      key: "url_preview_ip_range_blacklist",
      wanted: "must be given, because url_preview_enabled is on: without it previews reach your own network",
    });
  }
}

function checkMail(config: ConfigValues, context: LoadContext): void {
  const needed = config.registrations_require_3pid.includes("email");
  if (needed && config.email === undefined)
    context.problem({ key: "email", wanted: "must be given, because registrations_require_3pid asks for an address" });
  if (config.registrations_require_3pid.includes("msisdn") && config.account_threepid_delegates.msisdn === undefined) {
    context.problem({
      key: "account_threepid_delegates.msisdn",
      wanted: "must be given, because registrations_require_3pid asks for a phone number",
    });
  }
  if (config.user_consent?.send_server_notice_to_guests === true && config.server_notices === undefined) {
    context.problem({ key: "server_notices", wanted: "must be given, because user_consent sends notices" });
  }
}

function checkLogin(config: ConfigValues, context: LoadContext): void {
  if (config.jwt_config.enabled) {
    for (const key of ["secret", "algorithm"] as const) {
      if (config.jwt_config[key] === undefined)
        context.problem({ key: `jwt_config.${key}`, wanted: "must be given, because jwt_config is enabled" });
    }
  }
  if (config.cas_config.enabled && config.cas_config.server_url === undefined) {
    context.problem({ key: "cas_config.server_url", wanted: "must be given, because cas_config is enabled" });
  }
}

function checkOidc(config: ConfigValues, context: LoadContext): void {
  const seen = new Set<string>();
  for (const [index, provider] of config.oidc_providers.entries()) {
    const key = `oidc_providers[${index}]`;
    if (!/^[A-Za-z0-9_.~-]{1,250}$/.test(provider.idp_id)) {
      context.problem({ key: `${key}.idp_id`, found: JSON.stringify(provider.idp_id), wanted: "letters, digits and -._~ only" });
    }
    if (seen.has(provider.idp_id))
      context.problem({ key: `${key}.idp_id`, found: JSON.stringify(provider.idp_id), wanted: "an id that no other provider has" });
    seen.add(provider.idp_id);
    checkOidcEndpoints(provider, key, context);
  }
}

function checkOidcEndpoints(provider: OidcProvider, key: string, context: LoadContext): void {
  const hasSecret = provider.client_secret !== undefined || provider.client_secret_jwt_key !== undefined;
  if (!hasSecret && provider.client_auth_method !== "none") {
    context.problem({ key: `${key}.client_secret`, wanted: "must be given (or client_auth_method: none)" });
  }
  if (provider.discover) return;
  const needed = [
    "authorization_endpoint",
    "token_endpoint",
    provider.scopes.includes("openid") ? "jwks_uri" : "userinfo_endpoint",
  ] as const;
  for (const name of needed) {
    if (provider[name] === undefined) context.problem({ key: `${key}.${name}`, wanted: "must be given, because discover is off" });
  }
}

function checkDelegation(config: ConfigValues, context: LoadContext): void {
  const mas = config.matrix_authentication_service;
  if (!mas.enabled) return;
  if (mas.secret === undefined) context.problem({ key: "matrix_authentication_service.secret", wanted: "must be given" });
  if (!isHttpUrl(mas.endpoint))
    context.problem({ key: "matrix_authentication_service.endpoint", found: JSON.stringify(mas.endpoint), wanted: "a URL" });
  const conflicts: Readonly<Record<string, boolean>> = {
    enable_registration: config.enable_registration,
    enable_registration_captcha: config.enable_registration_captcha,
    allow_guest_access: config.allow_guest_access,
    oidc_providers: config.oidc_providers.length > 0,
    "cas_config.enabled": config.cas_config.enabled,
    "jwt_config.enabled": config.jwt_config.enabled,
    saml2_config: config.saml2_config?.enabled === true,
    "login_via_existing_session.enabled": config.login_via_existing_session.enabled,
  };
  for (const [key, isOn] of Object.entries(conflicts)) {
    if (isOn) context.problem({ key, wanted: "must be off, because matrix_authentication_service handles accounts" });
  }
}

function checkRetention(config: ConfigValues, context: LoadContext): void {
  const { allowed_lifetime_min: min, allowed_lifetime_max: max, default_policy: policy } = config.retention;
  if (min !== undefined && max !== undefined && min > max) {
    context.problem({ key: "retention.allowed_lifetime_min", wanted: "may not be longer than allowed_lifetime_max" });
  }
  if (policy?.min_lifetime !== undefined && policy.max_lifetime !== undefined && policy.min_lifetime > policy.max_lifetime) {
    context.problem({ key: "retention.default_policy.min_lifetime", wanted: "may not be longer than max_lifetime" });
  }
}

function checkRedis(config: ConfigValues, context: LoadContext): void {
  const { certificate_file: certificate, private_key_file: key } = config.redis;
  if ((certificate === undefined) === (key === undefined)) return;
  context.problem({
    key: `redis.${certificate === undefined ? "certificate_file" : "private_key_file"}`,
    wanted: "certificate_file and private_key_file go together",
  });
}

function checkPatterns(config: ConfigValues, context: LoadContext): void {
  for (const [index, rule] of (config.allowed_local_3pids ?? []).entries()) {
    checkRegex(rule.pattern, `allowed_local_3pids[${index}].pattern`, context);
  }
  for (const [index, rule] of config.url_preview_url_blacklist.entries()) {
    for (const [part, pattern] of Object.entries(rule)) {
      if (typeof pattern === "string" && pattern.startsWith("^"))
        checkRegex(pattern, `url_preview_url_blacklist[${index}].${part}`, context);
    }
  }
}

function checkRegex(pattern: string, key: string, context: LoadContext): void {
  try {
    new RegExp(pattern.replaceAll("(?P<", "(?<"));
  } catch {
    context.problem({ key, found: JSON.stringify(pattern), wanted: "a regular expression" });
  }
}
