import type { ConfigProblem } from "./problems";
import type { SchemaNode } from "./schema";

type Mapping = Record<string, unknown>;
type Warn = (problem: Omit<ConfigProblem, "file">) => void;

/**
 * Rewrites old spellings into today's, in place, before anything else looks at the values. A key that stands in both
 * spellings keeps the value of the new one.
 */
export function applyLegacy(root: SchemaNode, raw: Mapping, warn: Warn): void {
  renameLegacy(root, raw, { root: raw, path: "", warn });
  for (const convert of conversions) convert(raw, warn);
}

interface Position {
  readonly root: Mapping;
  readonly path: string;
  readonly warn: Warn;
}

/** Moves each key with `x-status: legacy` to the path in `x-replacedBy`. */
function renameLegacy(node: SchemaNode, value: Mapping, at: Position): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const given = value[key];
    if (given === undefined || given === null) continue;
    const path = at.path === "" ? key : `${at.path}.${key}`;
    const target = child["x-replacedBy"];
    if (child["x-status"] === "legacy" && target !== undefined) {
      moveTo(at.root, target, child["x-negate"] === true ? given !== true : given);
      delete value[key];
      at.warn({ key: path, wanted: `old name, use ${target} instead` });
    } else if (child.properties !== undefined && isMapping(given)) {
      renameLegacy(child, given, { ...at, path });
    }
  }
}

function moveTo(root: Mapping, target: string, value: unknown): void {
  const path = target.split(".");
  const last = path.pop() ?? target;
  let at = root;
  for (const part of path) {
    const next = at[part];
    if (isMapping(next)) at = next;
    else if (next === undefined || next === null) at = at[part] = {};
    else return;
  }
  at[last] ??= value;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listAt(raw: Mapping, key: string): unknown[] {
  const list = raw[key];
  return Array.isArray(list) ? list : ((raw[key] = []) as unknown[]);
}

/** Takes keys out of the mapping; undefined unless at least one was given. */
function take(raw: Mapping, ...keys: string[]): (unknown | undefined)[] | undefined {
  const values = keys.map((key) => raw[key] ?? undefined);
  for (const key of keys) delete raw[key];
  return values.some((value) => value !== undefined) ? values : undefined;
}

const conversions: readonly ((raw: Mapping, warn: Warn) => void)[] = [
  convertOldPorts,
  convertManholes,
  convertMetricsPort,
  convertListenerForms,
  convertReplicationTarget,
  convertDatabases,
  convertPublicRooms,
  convertBackupMediaStore,
  convertOidcConfig,
  convertInviteState,
  convertPerspectives,
  convertExpiryTime,
  convertInviteAccepter,
];

function convertOldPorts(raw: Mapping, warn: Warn): void {
  const taken = take(raw, "bind_port", "unsecure_port", "bind_host", "gzip_responses", "no_tls");
  if (taken === undefined) return;
  const [secure, plain, host, compress, noTls] = taken;
  const given = Array.isArray(raw["listeners"]) && raw["listeners"].length > 0;
  if (noTls === true) dropTls(raw, warn);
  if (given || (secure === undefined && plain === undefined)) return;
  warn({ key: secure === undefined ? "unsecure_port" : "bind_port", wanted: "old form, use listeners instead" });
  const resources = [{ names: ["client", "federation"], compress: compress !== false }];
  const bind = typeof host === "string" && host !== "" ? { bind_addresses: [host] } : {};
  const listeners = listAt(raw, "listeners");
  if (secure !== undefined && noTls !== true) listeners.push({ type: "http", port: secure, tls: true, resources, ...bind });
  if (plain !== undefined && plain !== 0) listeners.push({ type: "http", port: plain, resources, ...bind });
}

function dropTls(raw: Mapping, warn: Warn): void {
  warn({ key: "no_tls", wanted: "old form, remove the listeners that have tls: true instead" });
  if (Array.isArray(raw["listeners"])) raw["listeners"] = raw["listeners"].filter((entry) => !isMapping(entry) || entry["tls"] !== true);
}

function convertManholes(raw: Mapping, warn: Warn): void {
  for (const [key, target] of [
    ["manhole", "listeners"],
    ["worker_manhole", "worker_listeners"],
  ] as const) {
    const [port] = take(raw, key) ?? [];
    if (port === undefined) continue;
    warn({ key, wanted: `old form, add an entry of type manhole to ${target} instead` });
    listAt(raw, target).push({ type: "manhole", port });
  }
}

function convertMetricsPort(raw: Mapping, warn: Warn): void {
  const [port, host] = take(raw, "metrics_port", "metrics_bind_host") ?? [];
  if (port === undefined) return;
  warn({ key: "metrics_port", wanted: "old form, add an entry of type metrics to listeners instead" });
  listAt(raw, "listeners").push({ type: "metrics", port, bind_addresses: [host ?? "127.0.0.1"] });
}

/** `bind_address` becomes `bind_addresses`; the bundled web client is gone, and so are TCP listeners for workers where there is Redis. */
function convertListenerForms(raw: Mapping, warn: Warn): void {
  const hasRedis = isMapping(raw["redis"]) && /^(true|yes|on)$/i.test(String(raw["redis"]["enabled"]));
  for (const key of ["listeners", "worker_listeners"]) {
    if (!Array.isArray(raw[key])) continue;
    raw[key] = (raw[key] as unknown[]).filter((entry, index) => {
      if (!isMapping(entry)) return true;
      const [single] = take(entry, "bind_address") ?? [];
      if (single !== undefined && entry["bind_addresses"] === undefined && single !== "") entry["bind_addresses"] = [single];
      dropWebClient(entry, `${key}[${index}]`, warn);
      if (entry["type"] !== "replication" || (key === "listeners" && !hasRedis)) return true;
      const why = hasRedis ? "processes are connected by Redis" : "workers connect to the main process";
      warn({ key: `${key}[${index}]`, wanted: `a listener of type replication has no effect: ${why}` });
      return false;
    });
  }
}

function dropWebClient(listener: Mapping, path: string, warn: Warn): void {
  if (!Array.isArray(listener["resources"])) return;
  for (const [index, resource] of listener["resources"].entries()) {
    if (!isMapping(resource) || !Array.isArray(resource["names"]) || !resource["names"].includes("webclient")) continue;
    warn({
      key: `${path}.resources[${index}].names`,
      wanted: "webclient has no effect: set web_client_location to send visitors to a client",
    });
    resource["names"] = resource["names"].filter((name) => name !== "webclient");
  }
}

/** Worker files of 2021 name the main process themselves. The host stays: beside `worker_replication_port` it is that of the TCP listener. */
function convertReplicationTarget(raw: Mapping, warn: Warn): void {
  const host = raw["worker_replication_host"] ?? undefined;
  const [port, tls] = take(raw, "worker_replication_http_port", "worker_replication_http_tls") ?? [];
  if (host === undefined && port === undefined) return;
  warn({ key: "worker_replication_host", wanted: "old form, add main to instance_map instead" });
  if (host === undefined || port === undefined) return;
  const map = isMapping(raw["instance_map"]) ? raw["instance_map"] : ((raw["instance_map"] = {}) as Mapping);
  map["main"] ??= { host, port, ...(tls === undefined ? {} : { tls }) };
}

/** All tables are in one database: of several, the one that holds `main` counts. */
function convertDatabases(raw: Mapping, warn: Warn): void {
  const [path] = take(raw, "database_path") ?? [];
  if (path !== undefined) {
    warn({ key: "database_path", wanted: "old form, use database.args.database instead" });
    raw["database"] ??= { name: "sqlite3", args: { database: path } };
  }
  const [databases] = take(raw, "databases") ?? [];
  if (!isMapping(databases)) return;
  const entries = Object.entries(databases).filter((entry): entry is [string, Mapping] => isMapping(entry[1]));
  const main = entries.find(([, entry]) => !Array.isArray(entry["data_stores"]) || entry["data_stores"].includes("main")) ?? entries[0];
  if (main === undefined) return;
  raw["database"] = main[1];
  const others = entries.filter((entry) => entry !== main).map(([name]) => name);
  if (others.length > 0)
    warn({ key: "databases", wanted: `everything is kept in one database: ${main[0]} is used, ${others.join(", ")} not` });
}

function convertPublicRooms(raw: Mapping, warn: Warn): void {
  const [restrict] = take(raw, "restrict_public_rooms_to_local_users") ?? [];
  if (typeof restrict !== "boolean") return;
  warn({
    key: "restrict_public_rooms_to_local_users",
    wanted: "old form, use allow_public_rooms_without_auth and allow_public_rooms_over_federation instead",
  });
  raw["allow_public_rooms_without_auth"] ??= !restrict;
  raw["allow_public_rooms_over_federation"] ??= !restrict;
}

function convertBackupMediaStore(raw: Mapping, warn: Warn): void {
  const [directory, synchronous] = take(raw, "backup_media_store_path", "synchronous_backup_media_store") ?? [];
  if (directory === undefined) return;
  warn({ key: "backup_media_store_path", wanted: "old form, add an entry with module: file_system to media_storage_providers instead" });
  const provider = {
    module: "file_system",
    store_local: true,
    store_remote: true,
    store_synchronous: synchronous === true,
    config: { directory },
  };
  listAt(raw, "media_storage_providers").push(provider);
}

/** The only provider of old files is called `oidc` in the database. */
function convertOidcConfig(raw: Mapping, warn: Warn): void {
  const [provider] = take(raw, "oidc_config") ?? [];
  if (!isMapping(provider)) return;
  const { enabled, ...settings } = provider;
  if (enabled !== true) return;
  warn({ key: "oidc_config", wanted: "old form, use oidc_providers instead" });
  listAt(raw, "oidc_providers").unshift({ idp_id: "oidc", ...settings });
}

function convertInviteState(raw: Mapping, warn: Warn): void {
  const [types] = take(raw, "room_invite_state_types") ?? [];
  if (types === undefined) return;
  warn({ key: "room_invite_state_types", wanted: "old form, use room_prejoin_state instead" });
  raw["room_prejoin_state"] ??= { disable_default_event_types: true, additional_event_types: types };
}

/** Notaries before 1.0: `perspectives.servers.<name>.verify_keys.<id>.key`. */
function convertPerspectives(raw: Mapping, warn: Warn): void {
  const [perspectives] = take(raw, "perspectives") ?? [];
  if (!isMapping(perspectives) || !isMapping(perspectives["servers"])) return;
  warn({ key: "perspectives", wanted: "old form, use trusted_key_servers instead" });
  raw["trusted_key_servers"] ??= Object.entries(perspectives["servers"]).map(([server, entry]) => {
    const keys = isMapping(entry) && isMapping(entry["verify_keys"]) ? Object.entries(entry["verify_keys"]) : [];
    return { server_name: server, verify_keys: Object.fromEntries(keys.map(([id, key]) => [id, isMapping(key) ? key["key"] : key])) };
  });
}

function convertExpiryTime(raw: Mapping, warn: Warn): void {
  const caches = raw["caches"];
  if (!isMapping(caches)) return;
  const [ttl] = take(caches, "expiry_time") ?? [];
  if (ttl === undefined) return;
  warn({ key: "caches.expiry_time", wanted: "old form, use caches.expire_caches and caches.cache_entry_ttl instead" });
  caches["expire_caches"] ??= ttl !== 0;
  if (ttl !== 0) caches["cache_entry_ttl"] ??= ttl;
}

/** This module's work is built in. */
function convertInviteAccepter(raw: Mapping): void {
  if (!Array.isArray(raw["modules"])) return;
  const names = ["synapse_auto_accept_invite.InviteAutoAccepter", "synapse_auto_accept_invite"];
  const found = raw["modules"].find((entry) => isMapping(entry) && names.includes(String(entry["module"])));
  if (found === undefined) return;
  raw["modules"] = raw["modules"].filter((entry) => entry !== found);
  const config = isMapping(found) && isMapping(found["config"]) ? found["config"] : {};
  raw["auto_accept_invites"] ??= {
    enabled: true,
    only_for_direct_messages: config["accept_invites_only_for_direct_messages"] ?? false,
    only_from_local_users: config["accept_invites_only_from_local_users"] ?? false,
  };
}
