import type { StoredEvent } from "../../caches/events";
import { invalidParam, notFound } from "../../errors";
import { JsonText } from "../../lib/jsonText";
import { formatTopological, justBefore } from "../../lib/streamToken";
import { renderClientEvent, withUnsigned } from "../../rooms/clientEvent";
import { passAll } from "../../rooms/filter";
import { parseEvent } from "../../rooms/parseEvent";
import { redact } from "../../rooms/redact";
import { relatedEvents, threadRoots } from "../../storage/relations";
import { ignoredUsersOf } from "../accountData";
import type { App } from "../app";
import { bundledRelations } from "../events/relations";
import { renderEvents } from "../events/render";
import type { Requester } from "../requester";
import { placeOfToken, renderPage, requireVisibleEvent } from "./history";
import { shownEvents } from "./shownEvents";
import { standingIn } from "./readState";
import { visibleEvents } from "./visibleEvents";

const MAX_PAGE = 1000;
/** Relations of relations are followed so far (specification: at least 3). */
const RECURSION_DEPTH = 3;

export interface RelationsRequest {
  readonly roomId: string;
  readonly eventId: string;
  readonly relType?: string | undefined;
  readonly eventType?: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly direction: "b" | "f";
  readonly limit: number;
  readonly recurse: "recurse" | "direct";
  /** Older clients expect the parent in the answer. */
  readonly original: "withOriginal" | "withoutOriginal";
}

export interface RelationsPage {
  readonly chunk: readonly JsonText[];
  readonly original_event?: JsonText;
  readonly next_batch?: string;
  readonly prev_batch?: string;
  readonly recursion_depth?: number;
}

/** `GET /rooms/{roomId}/relations/{eventId}/...` (client-server API, "Relationships API"). 404 where the parent cannot be seen. */
export async function listRelations(app: App, requester: Requester, request: RelationsRequest): Promise<RelationsPage> {
  const { direction } = request;
  const { room } = await standingIn(app, requester, request.roomId);
  const parent = await requireVisibleEvent(app, requester, request.eventId, request.roomId).catch(() => {
    throw notFound("Unknown parent event.");
  });
  const limit = Math.min(request.limit, MAX_PAGE);
  const entries = await relatedEvents(app.db, {
    roomNid: room.nid,
    eventId: request.eventId,
    relType: request.relType,
    type: request.eventType,
    from: request.from === undefined ? undefined : await placeOfToken(app, room, request.from),
    to: request.to === undefined ? undefined : await placeOfToken(app, room, request.to),
    direction,
    limit: limit + 1,
    levels: request.recurse === "recurse" ? RECURSION_DEPTH : 1,
  });
  const page = entries.slice(0, limit);
  const last = entries.length > limit ? page.at(-1) : undefined;
  const events = await shownEvents(app, requester, room, page, passAll);
  const [chunk, original] = await Promise.all([
    renderPage(app, requester, events, "client"),
    request.original === "withOriginal" ? renderPage(app, requester, [parent], "client") : [],
  ]);
  return {
    chunk,
    ...(original[0] && { original_event: original[0] }),
    ...(last && {
      next_batch: formatTopological(direction === "b" ? justBefore(last) : last),
    }),
    ...(request.from !== undefined && { prev_batch: request.from }),
    ...(request.recurse === "recurse" && { recursion_depth: RECURSION_DEPTH }),
  };
}

export interface ThreadsRequest {
  readonly roomId: string;
  readonly include: "all" | "participated";
  readonly limit: number;
  readonly from: string | undefined;
}

/** `GET /rooms/{roomId}/threads` (client-server API, "Querying threads in a room"). Tokens are positions of threads' newest events. */
export async function listThreads(
  app: App,
  requester: Requester,
  request: ThreadsRequest,
): Promise<{ chunk: JsonText[]; next_batch?: string }> {
  const { room } = await standingIn(app, requester, request.roomId);
  if (request.from !== undefined && !/^\d{1,15}$/.test(request.from)) throw invalidParam("Unknown pagination token");
  const limit = Math.min(request.limit, MAX_PAGE);
  const rows = await threadRoots(app.db, {
    roomNid: room.nid,
    before: request.from === undefined ? Number.MAX_SAFE_INTEGER : Number(request.from),
    participant: request.include === "participated" ? requester.userId : undefined,
    limit: limit + 1,
  });
  const page = rows.slice(0, limit);
  const stored = await app.caches.events.byNids(page.map(({ root }) => root));
  const roots = page.flatMap(({ root }) => stored.get(root) ?? []);
  const last = page.at(-1);
  return {
    chunk: await renderRoots(app, requester, await visibleEvents(app, requester.userId, room, roots)),
    ...(rows.length > limit && last && { next_batch: String(last.latest) }),
  };
}

/** A root by an ignored user is shown redacted, as a client that aggregates by itself would have it. */
async function renderRoots(app: App, requester: Requester, roots: readonly StoredEvent[]): Promise<JsonText[]> {
  const [relations, ignored] = await Promise.all([bundledRelations(app, requester.userId, roots), ignoredUsersOf(app, requester.userId)]);
  const texts = await renderEvents(app, roots, { format: "client", reader: requester, relations });
  return texts.map((text, i) => {
    const root = roots[i];
    return root && ignored.has(root.row.sender) ? new JsonText(redactedText(app, root, relations.get(root.row.eventId))) : text;
  });
}

function redactedText(app: Pick<App, "clock">, { event, room, row }: StoredEvent, relations: unknown): string {
  const pruned = parseEvent(room.version, redact(room.version, event.pdu), row.eventId);
  const unsigned = { age: Math.max(0, app.clock.now() - row.originServerTs), ...(relations !== undefined && { "m.relations": relations }) };
  return withUnsigned(renderClientEvent(pruned), JSON.stringify(unsigned));
}
