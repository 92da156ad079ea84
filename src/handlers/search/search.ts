import { forbidden, invalidParam } from "../../errors";
import type { JsonObject, JsonValue } from "../../lib/json";
import type { JsonText } from "../../lib/jsonText";
import type { EventFilter } from "../../rooms/filter";
import { countSearch } from "../../storage/eventSearch";
import type { SearchKey } from "../../storage/eventSearch";
import { reachSearchIndex } from "../../writers/searchIndexRpc";
import type { App } from "../app";
import { eventFilterFrom } from "../filters";
import type { Requester } from "../requester";
import type { Reach } from "../rooms/surroundings";
import { renderPage } from "../rooms/history";
import { contextsOf } from "./contexts";
import type { ResultContext } from "./contexts";
import { groupsOf } from "./groups";
import { highlightsOf } from "./highlights";
import { collectHits, roomsToSearch } from "./hits";
import type { Hit } from "./hits";
import { statesOf } from "./states";
import { prepareText, searchKeys } from "./text";
import { formatSearchToken, parseSearchToken } from "./token";
import type { GroupKey, SearchToken } from "./token";

export interface SearchRequest {
  readonly term: string;
  readonly keys: readonly SearchKey[] | undefined;
  readonly filter: JsonValue | undefined;
  readonly order: "rank" | "recent";
  /** Undefined: no context. */
  readonly context: (Reach & { readonly profiles: boolean }) | undefined;
  readonly includeState: boolean;
  readonly groupBy: readonly GroupKey[];
  readonly nextBatch: string | undefined;
}

export interface SearchAnswer {
  /** Of all that fits, whether or not the user may see it. */
  readonly count: number;
  readonly highlights: readonly string[];
  readonly results: readonly { readonly rank: number; readonly result: JsonText | undefined; readonly context?: ResultContext }[];
  readonly groups?: JsonObject;
  readonly state?: Readonly<Record<string, readonly JsonText[]>>;
  readonly next_batch?: string;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 500;
/** With their context results are many times as large. */
const MAX_WITH_CONTEXT = 100;
const MAX_TERM = 1_000;
const MAX_COUNT = 10_000;

/** `POST /search` in its only category, the events of rooms (client-server API, "Server Side Search"). */
export async function searchRoomEvents(app: App, requester: Requester, request: SearchRequest): Promise<SearchAnswer> {
  if (!app.config.enable_search) throw forbidden("Search is disabled on this homeserver");
  if (request.term.length > MAX_TERM) throw invalidParam("The search term is too long");
  const filter = eventFilterFrom(request.filter ?? {});
  // What was acknowledged before is found; where the index cannot be asked about, what is in it.
  await app.rpc.call(reachSearchIndex, null).catch(() => undefined);
  const token = request.nextBatch === undefined ? undefined : parseSearchToken(request.nextBatch);
  const roomNids = await roomsOf(app, requester, filter, token);
  const query = { query: prepareText(request.term), roomNids, keys: request.keys ?? searchKeys, order: request.order, after: token?.after };
  const limit = Math.min(filter.limit ?? DEFAULT_LIMIT, request.context ? MAX_WITH_CONTEXT : MAX_LIMIT);
  const sender = token?.group?.key === "sender" ? token.group.value : undefined;
  const [{ hits, more }, count] = await Promise.all([
    collectHits(app, { userId: requester.userId, query, filter, sender, limit: Math.max(1, limit) }),
    countSearch(app.db, { ...query, most: MAX_COUNT }),
  ]);
  const last = more ? hits.at(-1) : undefined;
  return {
    count: Math.max(count, hits.length),
    highlights: await highlightsOf(app, query.query, hits),
    results: await resultsOf(app, requester, hits, request, filter),
    ...(request.groupBy.length > 0 && { groups: groupsOf(hits, request.groupBy, request.order, more ? "more" : "all") }),
    ...(request.includeState && { state: await statesOf(app, requester, hits) }),
    ...(last && { next_batch: formatSearchToken({ after: last.hit, group: token?.group }) }),
  };
}

async function roomsOf(app: App, { userId }: Requester, filter: EventFilter, token: SearchToken | undefined): Promise<number[]> {
  const roomNids = await roomsToSearch(app, userId, filter);
  if (token?.group?.key !== "room_id") return roomNids;
  const only = await app.caches.rooms.byId(token.group.value);
  return roomNids.filter((nid) => nid === only?.nid);
}

async function resultsOf(
  app: App,
  requester: Requester,
  hits: readonly Hit[],
  { context }: SearchRequest,
  filter: EventFilter,
): Promise<SearchAnswer["results"]> {
  const events = hits.map(({ event }) => event);
  const [rendered, contexts] = await Promise.all([
    renderPage(app, requester, events, "client"),
    context && contextsOf(app, requester, events, { ...context, filter }),
  ]);
  return hits.map(({ hit }, i) => ({ rank: hit.rank, result: rendered[i], ...(contexts && { context: contexts[i] }) }));
}
