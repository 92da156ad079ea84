import type { CompiledRoute } from "../../rest/router";

/** What requests are spread over processes by, so that one process keeps in memory what belongs together. */
export type Affinity = "user" | "room" | "source" | "none";

/** Which processes may have the requests. */
export type PoolName = "clients" | "federation" | "media" | "main";

/** Requests that a reverse proxy treats alike. */
export interface RequestClass {
  readonly name: string;
  readonly what: string;
  readonly pool: PoolName;
  readonly affinity: Affinity;
  readonly has: (route: Pick<CompiledRoute, "group" | "pattern">) => boolean;
}

const family = ({ group }: Pick<CompiledRoute, "group">): string => group.split(".", 1)[0] ?? "";
const isOf =
  (...families: readonly string[]) =>
  (route: Pick<CompiledRoute, "group">): boolean =>
    families.includes(family(route));

/** Path of the endpoints that wait for news, in the groups client.sync and client.legacy. */
const SYNC = /\/(sync|events|initialSync)$/;

/**
 * The first that has a route decides. Any process answers any request, since what has an owner is handed to it: this is for speed and for
 * keeping load apart (Synapse's workers documentation, "Load balancing"), not for correctness.
 */
export const requestClasses: readonly RequestClass[] = [
  { name: "media", what: "Files of the media repository", pool: "media", affinity: "none", has: isOf("media") },
  {
    name: "federation_send",
    what: "Transactions of other servers: those of one server one after another",
    pool: "federation",
    affinity: "source",
    has: ({ pattern }) => /^\/_matrix\/federation\/v1\/send\//.test(pattern),
  },
  {
    name: "federation",
    what: "Other requests of other servers",
    pool: "federation",
    affinity: "none",
    has: isOf("federation", "keys", "openid"),
  },
  {
    name: "sync",
    what: "Clients that wait for news",
    pool: "clients",
    affinity: "user",
    has: (route) => family(route) === "client" && SYNC.test(route.pattern),
  },
  {
    name: "room",
    what: "What clients do in a room",
    pool: "clients",
    affinity: "room",
    has: (route) => family(route) === "client" && /\/rooms\/:\w+/.test(route.pattern),
  },
  { name: "client", what: "Other requests of clients", pool: "clients", affinity: "user", has: isOf("client") },
];

/** Routes that only processes ask for of each other, or only an operator on the machine. They are never passed on from outside. */
export const hiddenFamilies: readonly string[] = ["replication", "metrics", "health"];

export function classOf(route: Pick<CompiledRoute, "group" | "pattern">): RequestClass | undefined {
  return hiddenFamilies.includes(family(route)) ? undefined : requestClasses.find((one) => one.has(route));
}
