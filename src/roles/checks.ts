import type { Config } from "../config/config";
import type { ConfigProblem } from "../config/problems";
import { ANYBODY } from "../replication/leases";
import type { Duty } from "./duties";
import { isAt } from "./addresses";
import type { PlannedListener, ProcessPlan } from "./plan";
import { allServices, isRoleName, roles } from "./table";
import type { ServiceName } from "./table";

interface Checked {
  readonly config: Config;
  readonly process: ProcessPlan;
  readonly duties: Readonly<Record<ServiceName, Duty>>;
  error(key: string, wanted: string, found?: string): void;
  warn(key: string, wanted: string, found?: string): void;
}

/** Finds what cannot work, as far as one process's configuration shows it. */
export function checkPlan(
  config: Config,
  process: ProcessPlan,
  duties: Readonly<Record<ServiceName, Duty>>,
): { errors: ConfigProblem[]; warnings: ConfigProblem[] } {
  const errors: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const checked: Checked = {
    config,
    process,
    duties,
    error: (key, wanted, found) => errors.push({ key, wanted, ...(found === undefined ? {} : { found }) }),
    warn: (key, wanted, found) => warnings.push({ key, wanted, ...(found === undefined ? {} : { found }) }),
  };
  for (const check of [
    checkRole,
    checkBus,
    checkWorker,
    checkWriters,
    checkMain,
    checkDuties,
    checkAddresses,
    checkOwnAddress,
    checkListeners,
    checkSecret,
  ])
    check(checked);
  return { errors, warnings };
}

function checkRole({ config, error }: Checked): void {
  const { role, instanceName } = config.derived;
  if (!isRoleName(role))
    error(
      "worker_app",
      `one of ${Object.keys(roles)
        .map((name) => `synapse.app.${name === "main" ? "homeserver" : name}`)
        .join(", ")}`,
      role,
    );
  if (/[\s\p{Cc}]/u.test(instanceName)) error("worker_name", "a name without spaces", JSON.stringify(instanceName));
}

/** Synapse calls this deprecated since 1.18. */
function checkBus({ process, warn }: Checked): void {
  const { kind } = process.bus;
  if (kind !== "hub" && kind !== "tcp") return;
  warn("redis.enabled", "should be true: direct TCP replication is deprecated, and kept for old installations alone");
}

function checkWorker({ process, error }: Checked): void {
  if (process.role === "main") return;
  if (process.bus.kind === "none") error("redis.enabled", "must be true: workers learn through Redis what other processes do");
  if (process.addresses["main"] === undefined) error("instance_map.main", "must say where the replication listener of the main process is");
}

function hasReplication(process: ProcessPlan): boolean {
  return process.listeners.some(({ families }) => families.includes("replication"));
}

function checkWriters({ config, process, error }: Checked): void {
  for (const [stream, names] of Object.entries(config.stream_writers)) {
    if ((names as readonly string[]).length === 0) error(`stream_writers.${stream}`, "must name at least one writer");
  }
  const named = [...new Set((Object.values(config.stream_writers) as (readonly string[])[]).flat())].filter((name) => name !== "main");
  for (const name of named) {
    if (process.addresses[name] === undefined) error(`instance_map.${name}`, "must be given, because stream_writers names this worker");
  }
  if (named.length > 0 && process.bus.kind === "none") error("redis.enabled", "must be true, because stream_writers names workers");
  if (process.role !== "main" && process.writes.length > 0 && !hasReplication(process)) {
    error("worker_listeners", `needs a listener with the resource replication, because this process writes ${process.writes.join(", ")}`);
  }
}

function checkMain({ process, warn }: Checked): void {
  if (process.role !== "main") return;
  if (process.bus.kind !== "none" && !hasReplication(process)) {
    warn("listeners", "has no listener with the resource replication: workers cannot call the main process");
  }
}

/** A duty that two processes believe to have, or that nobody has. */
function checkDuties({ process, duties, error, warn }: Checked): void {
  const brought: readonly ServiceName[] = process.role === "main" ? [] : roles[process.role].services;
  for (const service of allServices) {
    const { instances, option, mainSwitch } = duties[service];
    const elsewhere = instances.filter((name) => name !== "main" && name !== ANYBODY);
    if (elsewhere.length > 0 && process.bus.kind === "none")
      error(option, "needs redis.enabled, because it names workers", elsewhere.join(", "));
    if (!brought.includes(service) || instances.includes(ANYBODY) || instances.includes(process.instanceName)) continue;
    if (mainSwitch !== undefined)
      error(mainSwitch, `must be false in the shared configuration, because this ${process.role} worker takes over`, "true");
    else if (elsewhere.length > 0)
      warn(option, `does not name this ${process.role} worker, which therefore leaves it to those`, elsewhere.join(", "));
  }
}

/** Another port may be right where something in between translates it. */
function checkOwnAddress({ process, warn }: Checked): void {
  const own = process.addresses[process.instanceName];
  const replication = process.listeners.filter(({ families }) => families.includes("replication"));
  if (own === undefined || replication.length === 0 || replication.some(({ listener }) => isAt(listener, own))) return;
  const option = process.role === "main" ? "listeners" : "worker_listeners";
  warn(`instance_map.${process.instanceName}`, `should be the address of a listener in ${option} with the resource replication`);
}

function checkAddresses({ config, process, error }: Checked): void {
  for (const [name, { host, port, path }] of Object.entries(config.instance_map)) {
    if (path !== undefined ? host !== undefined || port !== undefined : host === undefined || port === undefined) {
      error(`instance_map.${name}`, "host and port, or path");
    }
  }
  for (const name of config.outbound_federation_restricted_to) {
    const instance = name === "master" ? "main" : name;
    if (instance !== process.instanceName && process.addresses[instance] === undefined) {
      error(`instance_map.${instance}`, "must be given, because outbound_federation_restricted_to names it");
    }
  }
}

function addressesOf({ listener }: PlannedListener): string[] {
  if (listener.path !== undefined) return [listener.path];
  return listener.bind_addresses.map((address) => `${address} port ${listener.port ?? 0}`);
}

function checkListeners({ process, error, warn }: Checked): void {
  const option = process.role === "main" ? "listeners" : "worker_listeners";
  const taken = new Map<string, number>();
  process.listeners.forEach((planned, index) => {
    for (const address of addressesOf(planned)) {
      const other = taken.get(address);
      if (other !== undefined) error(`${option}[${index}]`, `another address: listener ${other} has it`, address);
      taken.set(address, index);
    }
    const asksForMedia = planned.listener.resources.some(({ names }) => names.includes("media"));
    if (asksForMedia && !planned.families.includes("media")) {
      const instead = process.handsOn.includes("media") ? "requests for media are handed to a process that has it" : "media is not served";
      warn(`${option}[${index}].resources`, `${instead}, because enable_media_repo is false`, "media");
    }
  });
}

function isLocal({ listener }: PlannedListener): boolean {
  return listener.path !== undefined || listener.bind_addresses.every((address) => /^(127\.|::1$|localhost$)/.test(address));
}

function checkSecret({ config, process, warn }: Checked): void {
  const isForProcesses = ({ listener, families }: PlannedListener): boolean =>
    listener.type === "replication" || families.includes("replication");
  const open = process.listeners.filter((planned) => isForProcesses(planned) && !isLocal(planned));
  if (open.length > 0 && config.worker_replication_secret === undefined) {
    warn("worker_replication_secret", "should be set: whoever reaches the replication listener can do anything");
  }
}
