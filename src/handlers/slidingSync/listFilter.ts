import type { UserRoom } from "../../caches/memberships";
import { isJsonObject, own } from "../../lib/json";
import type { JsonObject } from "../../lib/json";
import { emptyPackedMap, packedForEach, packedKeys } from "../../lib/packedMap";
import { asksForFacts, asksForTags, passesFilter } from "../../rooms/sliding/roomFilter";
import type { FilterableRoom, FilterContext, RoomFilter } from "../../rooms/sliding/roomFilter";
import type { RoomGlanceRow } from "../../storage/roomGlances";
import { getStrippedStates } from "../../storage/strippedStates";
import type { App } from "../app";
import { withoutMembers } from "../sync/stateSection";
import type { ListConfig } from "./request";

export interface ListFilterRequest {
  readonly userId: string;
  readonly places: ReadonlyMap<number, UserRoom>;
  readonly glances: ReadonlyMap<number, RoomGlanceRow>;
  readonly lists: readonly ListConfig[];
}

type Facts = Pick<FilterableRoom, "encrypted" | "roomType">;
const nothingKnown: Facts = { encrypted: undefined, roomType: undefined };

/** Tells for a filter which rooms pass it. What the filters of the request ask for is read once, and nothing else. */
export async function createListFilter(
  app: App,
  { userId, places, glances, lists }: ListFilterRequest,
): Promise<(filter: RoomFilter) => (place: UserRoom) => boolean> {
  const filters = lists.flatMap(({ filters: given }) => given ?? []);
  const [directRooms, tags, children, invitations] = await Promise.all([
    filters.some(({ is_dm: isDm }) => typeof isDm === "boolean") ? app.userData.roomMarks.direct.load(userId) : undefined,
    filters.some(asksForTags) ? app.userData.roomMarks.tags.load(userId) : undefined,
    childrenOf(app, places, new Set(filters.flatMap(({ spaces }) => spaces ?? []))),
    filters.some(asksForFacts) ? factsOfInvitations(app, places, glances) : new Map<number, Facts>(),
  ]);
  const context: FilterContext = { directRooms: directRooms ?? new Set(), tags: tags ?? new Map(), children };
  const factsOf = ({ roomNid }: UserRoom): Facts => {
    const glance = glances.get(roomNid);
    return glance ? { encrypted: glance.encryption !== null, roomType: glance.roomType } : (invitations.get(roomNid) ?? nothingKnown);
  };
  return (filter) => (place) => passesFilter(filter, { ...place, ...factsOf(place) }, context);
}

/** The rooms that are in spaces, going by the m.space.child events of those that the user is joined to. */
async function childrenOf(
  app: Pick<App, "caches">,
  places: ReadonlyMap<number, UserRoom>,
  wanted: ReadonlySet<string>,
): Promise<Map<string, ReadonlySet<string>>> {
  const spaces = wanted.size === 0 ? [] : [...places.values()].filter((p) => p.membership === "join" && wanted.has(p.roomId));
  const states = await app.caches.roomState.currents(spaces.map(({ roomNid }) => roomNid));
  const found = await Promise.all(
    spaces.map(async ({ roomNid, roomId }) => {
      const state = withoutMembers(states.get(roomNid)?.state ?? emptyPackedMap);
      const pairs = await app.caches.stateKeys.pairs(packedKeys(state));
      const nids: number[] = [];
      packedForEach(state, (key, nid) => void (pairs.get(key)?.type === "m.space.child" && nids.push(nid)));
      const events = await app.caches.events.byNids(nids);
      const children = [...events.values()].filter(({ content }) => isChild(content)).map(({ row }) => row.stateKey ?? "");
      return [roomId, new Set(children)] as const;
    }),
  );
  return new Map(found);
}

/** Without `via` it is no child, or none any more (client-server API, "m.space.child"). */
function isChild(content: JsonObject): boolean {
  const via = own(content, "via");
  return Array.isArray(via) && via.length > 0;
}

/** What invitations from elsewhere say of rooms in which this server never was. */
async function factsOfInvitations(
  app: Pick<App, "db">,
  places: ReadonlyMap<number, UserRoom>,
  glances: ReadonlyMap<number, RoomGlanceRow>,
): Promise<Map<number, Facts>> {
  const unknown = [...places.values()].filter(({ roomNid }) => !glances.has(roomNid));
  if (unknown.length === 0) return new Map();
  const stored = await getStrippedStates(
    app.db,
    unknown.map(({ eventNid }) => eventNid),
  );
  const byEvent = new Map(stored.map(({ nid, state }) => [nid, factsIn(JSON.parse(state) as JsonObject[])]));
  return new Map(unknown.map(({ roomNid, eventNid }) => [roomNid, byEvent.get(eventNid) ?? nothingKnown]));
}

function factsIn(state: readonly JsonObject[]): Facts {
  if (state.length === 0) return nothingKnown;
  const create = state.find(({ type }) => type === "m.room.create");
  const content = create && own(create, "content");
  const type = isJsonObject(content) ? own(content, "type") : undefined;
  return {
    encrypted: state.some((event) => event["type"] === "m.room.encryption"),
    roomType: create ? (typeof type === "string" ? type : null) : undefined,
  };
}
