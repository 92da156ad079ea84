import { hostOf } from "../../caches/memberships";
import type { RoomInfo } from "../../caches/rooms";
import { MatrixError } from "../../errors";
import { FederationError } from "../../remote/federationErrors";
import { domainOf } from "../../rooms/ids";
import { getStrippedStates } from "../../storage/strippedStates";
import type { App } from "../app";

/** How many servers are asked before we give up. */
const MAX_SERVERS = 10;

/** Answers of a server that say nothing about what the next one would. */
const tryElsewhere: ReadonlySet<string> = new Set([
  "M_NOT_FOUND",
  "M_UNABLE_TO_AUTHORISE_JOIN",
  "M_UNABLE_TO_GRANT_JOIN",
  "M_UNRECOGNIZED",
]);

/** Whether another server answered that it has no such endpoint: as the specification says, or as proxies and old servers do. */
export function isUnknownEndpoint(error: unknown): boolean {
  if (!(error instanceof FederationError)) return false;
  const { status, errcode, answer } = error;
  return errcode === "M_UNRECOGNIZED" || ((status === 404 || status === 405) && answer?.["errcode"] === undefined);
}

/** Servers that joined a room without its members say so: they can tell of its state when those have come (MSC3895, and its name before). */
const NOT_YET: ReadonlySet<string> = new Set(["M_UNABLE_DUE_TO_PARTIAL_STATE", "ORG.MATRIX.MSC3895_UNABLE_DUE_TO_PARTIAL_STATE"]);

/** Whether an error says nothing of what was asked for: the server, or one of our own processes, could not answer, and may do so later. */
export function isSilence(error: unknown): boolean {
  if (!(error instanceof MatrixError)) return true;
  return error.status >= 500 || error.status === 401 || error.status === 429 || NOT_YET.has(error.errcode);
}

/** Servers that may help with a room, likely ones first. */
export async function helpfulServers(
  app: Pick<App, "caches" | "serverName">,
  {
    roomId,
    room,
    via = [],
    inviter,
  }: { roomId: string; room: RoomInfo | undefined; via?: readonly string[]; inviter?: string | undefined },
): Promise<string[]> {
  const members = room && (await app.caches.memberships.ofRoom(room.nid));
  const hosts = [
    ...via,
    ...(inviter === undefined ? [] : [hostOf(inviter)]),
    ...byCount(members?.hosts ?? new Map<string, number>()),
    domainOf(roomId),
  ];
  const others = new Set(hosts.filter((host) => host !== undefined && host !== app.serverName) as string[]);
  return [...others].slice(0, MAX_SERVERS);
}

/** Servers of those whose events an invitation or a knock came with: they are, or were, in the room. */
export async function strippedHosts(app: Pick<App, "db">, eventNid: number): Promise<string[]> {
  const stored = await getStrippedStates(app.db, [eventNid]);
  const events = stored.flatMap(({ state }) => JSON.parse(state) as readonly { readonly sender: string }[]);
  return [...new Set(events.map(({ sender }) => hostOf(sender)))];
}

/** The hosts with most members first: they are the least likely to be gone. */
export function byCount(hosts: ReadonlyMap<string, number>): string[] {
  return [...hosts].sort((a, b) => b[1] - a[1]).map(([host]) => host);
}

/**
 * Asks one server after another until one does what is asked. A refusal that the next server would repeat ends it. 404 without any
 * server to ask, 502 when none could be reached.
 */
export async function askInTurn<T>(hosts: readonly string[], what: string, ask: (host: string) => Promise<T>): Promise<T> {
  if (hosts.length === 0) throw new MatrixError(404, "M_NOT_FOUND", `Can't ${what}: no server is known that could help`);
  let refusal: MatrixError | undefined;
  for (const host of hosts) {
    try {
      return await ask(host);
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      if (error.status >= 500) continue;
      if (error instanceof FederationError && !tryElsewhere.has(error.errcode)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? new MatrixError(502, "M_UNKNOWN", `Failed to ${what} via any server`);
}
