import { createHash } from "node:crypto";
import type { Config } from "../config/config";
import { ConfigError } from "../config/problems";
import type { ConfigProblem } from "../config/problems";
import type { InstanceAddress as ConfiguredAddress, Listener } from "../config/types.generated";
import { ANYBODY } from "../replication/leases";
import type { InstanceAddress } from "../replication/rpcTransport";
import { groupsOf } from "../rest/resources";
import type { RouteGroup } from "../rest/route";
import { checkPlan } from "./checks";
import { duties } from "./duties";
import type { Duty } from "./duties";
import { allServices, isRoleName, roles } from "./table";
import type { Family, RoleName, ServiceName } from "./table";

export interface PlannedListener {
  readonly listener: Listener;
  /** Families of the route groups that it serves. */
  readonly families: readonly Family[];
}

/**
 * How a process hears of others: not at all, where no other can belong to the deployment; by Redis; or without one as of old, as the main
 * process that workers connect to, or as such a worker.
 */
export type PlannedBus =
  { readonly kind: "none" | "redis" | "hub" } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** All that a process does, as data. server/ executes it. */
export interface ProcessPlan {
  readonly instanceName: string;
  readonly role: RoleName;
  readonly bus: PlannedBus;
  readonly listeners: readonly PlannedListener[];
  readonly services: readonly ServiceName[];
  /** Families that listeners ask for and that another process serves: requests are handed to it. */
  readonly handsOn: readonly Family[];
  /** Keys of `stream_writers` for which this process may stand, and "main". */
  readonly writes: readonly string[];
  /** Who may stand for each writer and duty; `*` for whoever does. */
  readonly candidates: Readonly<Record<string, readonly string[]>>;
  /** Where the replication listeners of the others are. */
  readonly addresses: Readonly<Record<string, InstanceAddress>>;
}

export interface PlanResult {
  readonly plan: ProcessPlan;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** For which every process stands, so that two of one name are noticed. */
export const PROCESS_DUTY = "process";

/** Works out what the process of this configuration does, and all that is wrong with it. */
export function plan(config: Config): PlanResult {
  const { instanceName, role: roleName } = config.derived;
  const role = isRoleName(roleName) ? roleName : "generic_worker";
  const given = duties(config);
  const writers = writersOf(config);
  const services = allServices.filter((service) => has(given[service], service, instanceName, role));
  const process: ProcessPlan = {
    instanceName,
    role,
    bus: busOf(config, role),
    listeners: config.derived.listeners.map((listener) => ({ listener, families: familiesOf(listener, role, config) })),
    services: services.filter((service) => service !== "media_jobs" || hasMedia(role, config)),
    handsOn: hasMedia(role, config) || busOf(config, role).kind === "none" ? [] : ["media"],
    writes: Object.keys(writers).filter((key) => writers[key]?.includes(instanceName)),
    candidates: {
      ...writers,
      ...Object.fromEntries(allServices.map((service) => [service, given[service].instances])),
      [PROCESS_DUTY]: [ANYBODY],
    },
    addresses: addressesOf(config.instance_map),
  };
  return { plan: process, ...checkPlan(config, process, given) };
}

/** The plan, or a ConfigError with everything that is wrong. */
export function requirePlan(config: Config): ProcessPlan {
  const { plan: process, errors } = plan(config);
  if (errors.length > 0) throw new ConfigError(errors);
  return process;
}

/** A hash of what all processes must agree on about who shares which work. The order of names makes no difference. */
export function shardingOf(config: Config): string {
  const { federation_sender_instances: senders, pusher_instances: pushers } = config;
  const lists = { ...writersOf(config), federation_sender: senders, pusher: pushers };
  const sorted = Object.entries(lists).map(([key, names]) => [key, [...new Set(names)].sort()] as const);
  return createHash("sha256")
    .update(JSON.stringify(sorted.sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest("base64url");
}

/** Listeners at which other processes can ask for media: not those with TLS, whose certificates are for other names. */
export function mediaListeners(config: Config): Pick<Listener, "bind_addresses" | "port" | "path">[] {
  const { role: name, listeners } = config.derived;
  const role = isRoleName(name) ? name : "generic_worker";
  const serving = listeners.filter((listener) => !listener.tls && familiesOf(listener, role, config).includes("media"));
  return serving.map(({ bind_addresses, port, path }) => ({ bind_addresses, port, path }));
}

/** Of all route groups, those that the listener serves. */
export function groupsServed(planned: PlannedListener, groups: readonly RouteGroup[]): RouteGroup[] {
  const families: readonly string[] = planned.families;
  return groups.filter(({ name }) => families.includes(name.split(".", 1)[0] ?? ""));
}

/** Of all route groups, those of which requests are handed to another process. */
export function groupsHandedOn({ handsOn }: ProcessPlan, groups: readonly RouteGroup[]): RouteGroup[] {
  const families: readonly string[] = handsOn;
  return groups.filter(({ name }) => families.includes(name.split(".", 1)[0] ?? ""));
}

/** What the process holds leases for. */
export function standsFor(process: ProcessPlan): string[] {
  return [PROCESS_DUTY, ...process.writes, ...process.services];
}

function busOf(config: Config, role: RoleName): PlannedBus {
  if (config.redis.enabled) return { kind: "redis" };
  if (role === "main") return { kind: config.derived.listeners.some(({ type }) => type === "replication") ? "hub" : "none" };
  const { worker_replication_host: host, worker_replication_port: port } = config;
  return host === undefined || port === undefined ? { kind: "none" } : { kind: "tcp", host, port };
}

function writersOf(config: Config): Record<string, readonly string[]> {
  const configured = Object.entries(config.stream_writers).map(([key, names]) => [key, [...new Set(names as readonly string[])]] as const);
  return { main: ["main"], ...Object.fromEntries(configured) };
}

function has(duty: Duty, service: ServiceName, instanceName: string, role: RoleName): boolean {
  const brought: readonly ServiceName[] = roles[role].services;
  return duty.instances.includes(instanceName) || (role !== "main" && duty.instances.includes(ANYBODY) && brought.includes(service));
}

/** Whether the process has the media repository; as in Synapse, workers of that role have it whatever the shared file says. */
export function hasMedia(role: RoleName, config: Pick<Config, "enable_media_repo">): boolean {
  return config.enable_media_repo || "media" in roles[role];
}

function familiesOf(listener: Listener, role: RoleName, config: Config): Family[] {
  if (listener.type === "metrics") return ["metrics"];
  if (listener.type !== "http") return [];
  const served = roles[role].families.filter((family) => family !== "media" || hasMedia(role, config));
  const asked = new Set(
    groupsOf(
      listener,
      served.map((name) => ({ name, routes: [] })),
    ).map(({ name }) => name),
  );
  return served.filter((family) => asked.has(family));
}

/** Where the replication listeners of others are, by their names. */
export function addressesOf(map: Readonly<Record<string, ConfiguredAddress>>): Record<string, InstanceAddress> {
  const out: Record<string, InstanceAddress> = {};
  for (const [name, { host, port, path, tls }] of Object.entries(map)) {
    if (path !== undefined) out[name === "master" ? "main" : name] = { path };
    else if (host !== undefined && port !== undefined) out[name === "master" ? "main" : name] = { host, port, tls };
  }
  return out;
}
