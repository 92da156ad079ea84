import type { JsonObject } from "../../lib/json";
import { domainOf } from "../../rooms/ids";
import type { App } from "../app";
import type { Choice, SpaceChild } from "./children";
import { childrenOf } from "./children";
import type { LocalRoom } from "./localRooms";
import { localRooms, summaryOf } from "./localRooms";
import { mayPreview, mayPreviewRemote } from "./preview";
import { MAX_SERVERS } from "./remoteRooms";

export type SpacesApp = Pick<App, "caches" | "db" | "remoteRooms">;

/** A room and servers that may know of it. */
export interface Pointer {
  readonly roomId: string;
  readonly via: readonly string[];
}

/** A room that is still to be visited. */
export interface Stop extends Pointer {
  readonly depth: number;
  /** The space of another server that named it, and may have told of it already. */
  readonly parent?: Pointer;
}

/** What is left of a walk: the next stop last, and every room that was met. */
export interface Walk {
  readonly stops: readonly Stop[];
  readonly met: readonly string[];
}

export interface WalkRequest {
  /** Who is shown the tree; "administrator": all that this server knows, and nobody else is asked. */
  readonly reader: { readonly userId: string } | "administrator";
  readonly choice: Choice;
  readonly maxDepth: number | undefined;
  readonly limit: number;
}

/** A tree may be as large as somebody made it: of a larger one this much is shown. */
const MAX_ROOMS = 5_000;
/** Steps that a page may take: rooms that are not shown take some, too. */
const MAX_STEPS = 500;

export const walkFrom = (roomId: string): Walk => ({ stops: [{ roomId, via: [domainOf(roomId) ?? ""], depth: 0 }], met: [] });

/**
 * Goes on through a tree of spaces, depth first, and gives the rooms that the user may know of, and what is left
 * (client-server API, "GET /hierarchy"). Each room comes once, where it was met first.
 */
export async function walk(app: SpacesApp, start: Walk, request: WalkRequest): Promise<{ rooms: JsonObject[]; rest: Walk | undefined }> {
  const stops = [...start.stops];
  const met = new Set(start.met);
  const rooms: JsonObject[] = [];
  const locals = new Map<string, LocalRoom | undefined>();
  for (let steps = 0; rooms.length < request.limit && steps < MAX_STEPS && met.size < MAX_ROOMS;) {
    const stop = stops.pop();
    if (!stop) return { rooms, rest: undefined };
    if (met.has(stop.roomId)) continue;
    met.add(stop.roomId);
    steps++;
    if (!locals.has(stop.roomId)) await loadLocals(app, locals, [stop, ...stops.slice(-request.limit)]);
    const visited = await visit(app, stop, locals.get(stop.roomId), request);
    if (!visited) continue;
    rooms.push(visited.entry);
    const room = MAX_ROOMS - met.size - stops.length;
    if (request.maxDepth === undefined || stop.depth < request.maxDepth) stops.push(...visited.next.slice(0, Math.max(0, room)).reverse());
  }
  const more = stops.some(({ roomId }) => !met.has(roomId)) && met.size < MAX_ROOMS;
  return { rooms, rest: more ? { stops, met: [...met] } : undefined };
}

async function loadLocals(app: SpacesApp, locals: Map<string, LocalRoom | undefined>, stops: readonly Stop[]): Promise<void> {
  const ids = stops.map(({ roomId }) => roomId).filter((roomId) => !locals.has(roomId));
  const found = await localRooms(app, ids);
  for (const roomId of ids) locals.set(roomId, found.get(roomId));
}

interface Visited {
  readonly entry: JsonObject;
  readonly next: readonly Stop[];
}

/** Undefined where the user may not know of the room, or nobody does. */
async function visit(
  app: SpacesApp,
  stop: Stop,
  local: LocalRoom | undefined,
  { reader, choice }: WalkRequest,
): Promise<Visited | undefined> {
  if (!local) return reader === "administrator" ? undefined : visitRemote(app, stop, reader.userId, choice);
  if (reader !== "administrator" && !(await mayPreview(app, local, reader))) return undefined;
  const children = local.face.roomType === "m.space" ? await childrenOf(app, local.room, choice) : [];
  return { entry: entryOf(summaryOf(local), children), next: stopsOf(stop, children) };
}

async function visitRemote(app: SpacesApp, stop: Stop, userId: string, choice: Choice): Promise<Visited | undefined> {
  const { roomId, via, parent } = stop;
  const told = parent && (await app.remoteRooms.ask(parent.roomId, parent.via, choice));
  if (told?.inaccessible.has(roomId)) return undefined;
  const summary = told?.summaries.get(roomId);
  // What a space tells of a child is enough, but for the children of a space.
  const answer = summary && summary["room_type"] !== "m.space" ? { summary, children: [] } : await app.remoteRooms.ask(roomId, via, choice);
  if (!answer || !(await mayPreviewRemote(app, answer.summary, userId))) return undefined;
  return { entry: entryOf(answer.summary, answer.children), next: stopsOf(stop, answer.children, { roomId, via }) };
}

export function entryOf(summary: JsonObject, children: readonly SpaceChild[]): JsonObject {
  return { ...summary, children_state: children.map(({ event }) => event) };
}

function stopsOf({ depth }: Stop, children: readonly SpaceChild[], parent?: Pointer): Stop[] {
  return children.map(({ roomId, via }) => ({ roomId, via: via.slice(0, MAX_SERVERS), depth: depth + 1, ...(parent && { parent }) }));
}
