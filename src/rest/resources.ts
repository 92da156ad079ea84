import type { Listener } from "../config/types.generated";
import type { RouteGroup } from "./route";

/**
 * Which groups a resource of the `listeners` option stands for, by the family in front of the dot or by full name. As in Synapse,
 * `client` and `federation` bring the media repository along, and `federation` the server's keys.
 */
const RESOURCES: Readonly<Record<string, readonly string[]>> = {
  client: ["client", "admin", "wellknown", "media", "pages"],
  consent: ["consent"],
  federation: ["federation", "keys", "media", "openid", "wellknown"],
  health: [],
  keys: ["keys"],
  media: ["media"],
  metrics: ["metrics"],
  openid: ["openid"],
  replication: ["replication"],
  static: ["pages"],
};

/** Groups on every http listener, whatever its resources. */
const ALWAYS = ["health"];

function belongs(group: string, families: readonly string[]): boolean {
  return families.includes(group) || families.includes(group.split(".", 1)[0] ?? "");
}

/** Of the groups that a process serves, those that a listener's resources ask for. */
export function groupsOf(listener: Pick<Listener, "resources">, served: readonly RouteGroup[]): RouteGroup[] {
  const families = [...ALWAYS, ...listener.resources.flatMap(({ names }) => names.flatMap((name) => RESOURCES[name] ?? []))];
  return served.filter((group) => belongs(group.name, families));
}

/** Names of the groups whose answers may be compressed. */
export function compressedGroups(listener: Pick<Listener, "resources">, served: readonly RouteGroup[]): Set<string> {
  const families = listener.resources
    .filter(({ compress }) => compress)
    .flatMap(({ names }) => names.flatMap((name) => RESOURCES[name] ?? []));
  return new Set(served.filter((group) => belongs(group.name, families)).map((group) => group.name));
}

/** Whether the pages for browsers are there: the landing page and what hangs on it. */
export function hasPages(listener: Pick<Listener, "resources">): boolean {
  return listener.resources.some(({ names }) => names.some((name) => RESOURCES[name]?.includes("pages")));
}

/** Families whose answers don't depend on what other processes have just written. */
const AT_REST = ["health", "metrics", "media"];

/** Whether requests to the group want to know what is in the streams by now. */
export function asksOfStreams(group: string): boolean {
  return !belongs(group, AT_REST);
}
