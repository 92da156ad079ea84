import type { Config } from "../../config/config";
import { allGroups } from "../../rest/registry";
import { compileRoutes } from "../../rest/router";
import type { PlannedListener, ProcessPlan } from "../plan";
import type { Family } from "../table";
import { pathExpressions } from "./pathPatterns";
import { type Affinity, type PoolName, classOf, requestClasses } from "./requestClasses";

/** Where a reverse proxy reaches a process. */
export interface ProxyTarget {
  readonly name: string;
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
}

export interface ProxyRule {
  readonly name: string;
  readonly what: string;
  readonly affinity: Affinity;
  readonly expressions: readonly string[];
  readonly targets: readonly ProxyTarget[];
}

/** All that a reverse proxy has to know, whichever it is. */
export interface ProxyModel {
  readonly serverName: string;
  /** The largest body that the server takes, bytes. */
  readonly maxBody: number;
  /** In the order in which they are tried. */
  readonly rules: readonly ProxyRule[];
  /** For all other requests. */
  readonly main: ProxyTarget;
}

export interface ProxyOptions {
  /** Where the proxy listens. */
  readonly port: number;
  /** At which addresses; absent, at all. */
  readonly addresses?: readonly string[];
}

/** An address with a port, as proxies write it. */
export const socketOf = (address: string, port: number): string => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);

/** A deployment that no reverse proxy can be set up for, with what is missing. */
export class ProxyConfigError extends Error {}

/** What routes other than uploads may need at most (rest/route, maxBody). */
const SMALLEST_MAX_BODY = 12.5 * 1024 * 1024;

/** Works out which requests go where, from the table of routes and the plans of all processes, the main process first. */
export function proxyModel(config: Config, plans: readonly ProcessPlan[]): ProxyModel {
  const pools = poolsOf(plans);
  const [main] = pools.main;
  if (!main)
    throw new ProxyConfigError("The main process has no http listener with the resource client that a proxy could send requests to");
  const routes = compileRoutes(allGroups).compiled;
  const rules = requestClasses.map(({ name, what, affinity, pool }): ProxyRule => {
    const patterns = routes.filter((route) => classOf(route)?.name === name).map(({ pattern }) => pattern);
    return { name, what, affinity, expressions: pathExpressions([...new Set(patterns)]), targets: pools[pool] };
  });
  const maxBody = Math.max(SMALLEST_MAX_BODY, config.max_upload_size);
  return { serverName: config.server_name, maxBody, rules: rules.filter(({ expressions }) => expressions.length > 0), main };
}

function poolsOf(plans: readonly ProcessPlan[]): Record<PoolName, readonly ProxyTarget[]> {
  const main = plans.filter(({ role }) => role === "main");
  const workers = plans.filter(({ role }) => role !== "main");
  const serving = (some: readonly ProcessPlan[], family: Family): ProxyTarget[] => some.flatMap((plan) => targetOf(plan, family));
  // Where workers do the work, the main process is left to what only it can do.
  const first = (family: Family, ...choices: readonly (readonly ProcessPlan[])[]): readonly ProxyTarget[] =>
    choices.map((choice) => serving(choice, family)).find((targets) => targets.length > 0) ?? [];
  const media = workers.filter(({ role }) => role === "media_repository");
  const generic = workers.filter(({ role }) => role !== "media_repository");
  return {
    main: serving(main, "client"),
    clients: first("client", generic, main),
    federation: first("federation", generic, main),
    media: first("media", media, main, generic),
  };
}

/** The listener that serves the family, best one that no process asks another at. */
function targetOf(plan: ProcessPlan, family: Family): ProxyTarget[] {
  const fitting = plan.listeners.filter(({ listener, families }) => families.includes(family) && !listener.tls);
  const listener = fitting.find(({ families }) => !families.includes("replication")) ?? fitting[0];
  return listener ? [{ name: plan.instanceName, at: addressOf(plan, listener) }] : [];
}

const EVERYWHERE: readonly string[] = ["0.0.0.0", "::"];
const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/** A process that listens everywhere is on the machine that `instance_map` names, else on this one. */
function addressOf({ instanceName, addresses }: ProcessPlan, { listener }: PlannedListener): ProxyTarget["at"] {
  if (listener.path !== undefined) return { path: listener.path };
  const hosts: readonly string[] = listener.bind_addresses;
  const mapped = addresses[instanceName];
  const isEverywhere = hosts.some((host) => EVERYWHERE.includes(host));
  const away = isEverywhere && mapped && "host" in mapped && !isLoopback(mapped.host) ? mapped.host : undefined;
  const here = isEverywhere || hosts.includes("127.0.0.1") ? "127.0.0.1" : (hosts[0] ?? "127.0.0.1");
  return { host: away ?? here, port: listener.port ?? 0 };
}
