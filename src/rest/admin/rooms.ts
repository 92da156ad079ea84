import { readMemberIds, readRoom, readRoomState, readRooms } from "../../handlers/admin/rooms";
import type { RoomListOrder } from "../../handlers/admin/rooms";
import { booleanText, integerText, object, oneOf, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import { group, route } from "../route";

const orders = [
  "name",
  "canonical_alias",
  "joined_members",
  "joined_local_members",
  "version",
  "creator",
  "encryption",
  "public",
  "join_rules",
  "guest_access",
  "history_visibility",
  "federatable",
  "state_events",
] as const satisfies readonly RoomListOrder[];

/** Names that orders once had. */
const oldOrders = { alphabetical: "name", size: "joined_members" } as const satisfies Record<string, RoomListOrder>;

/** The other way round unless asked otherwise: the largest and newest first. */
const fromTheTop: ReadonlySet<RoomListOrder> = new Set(["joined_members", "joined_local_members", "version", "state_events"]);

const count = integerText({ minimum: 0 });
const listQuery = object({
  from: optional(count),
  limit: optional(count),
  order_by: optional(oneOf(...orders, "alphabetical", "size")),
  dir: optional(oneOf("f", "b")),
  search_term: optional(string({ minLength: 1 })),
  public_rooms: optional(booleanText()),
  empty_rooms: optional(booleanText()),
});
const MAX_LIMIT = 1_000;

function pageOf({ from = 0, limit = 100, order_by: order = "name", dir = "f" }: Infer<typeof listQuery>) {
  const orderBy = order === "alphabetical" || order === "size" ? oldOrders[order] : order;
  return { from, limit: Math.min(limit, MAX_LIMIT), orderBy, isDescending: fromTheTop.has(orderBy) === (dir === "f") };
}

export const adminRoomRoutes = group("admin.rooms", [
  route("GET /_synapse/admin/v1/rooms", {
    servlet: "ListRoomRestServlet",
    auth: "admin",
    query: listQuery,
    handle: ({ app, query }) =>
      readRooms(app, { search: query.search_term, isPublic: query.public_rooms, isEmpty: query.empty_rooms }, pageOf(query)),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId", {
    servlet: "RoomRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readRoom(app, params.roomId),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/members", {
    servlet: "RoomMembersRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readMemberIds(app, params.roomId),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/state", {
    servlet: "RoomStateRestServlet",
    auth: "admin",
    query: object({ type: optional(string()) }),
    handle: async ({ app, requester, params, query }) => ({ state: await readRoomState(app, requester, params.roomId, query.type) }),
  }),
]);
