import { fetchEvent, readAnyContext, readAnyEventByTime, readAnyHierarchy, readAnyPage } from "../../handlers/admin/readRoom";
import { readExtremities, removeExtremities } from "../../handlers/admin/extremities";
import { redactionStatus, startRedaction } from "../../handlers/admin/redactUser";
import { bringIn, makeRoomAdmin } from "../../handlers/admin/roomMembers";
import { eventFilterOf } from "../../handlers/filters";
import { array, boolean, integer, integerText, maybe, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";
import { count } from "./page";

const DEFAULT_LIMIT = 10;
/** Of a room, so many events of a user are redacted unless more are asked for. */
const REDACTIONS = 1000;

/** What administrators do in rooms, whether they are in them or not. */
export const anyRoomRoutes = group("admin.anyRoom", [
  route("GET /_synapse/admin/v1/rooms/:roomId/messages", {
    servlet: "RoomMessagesRestServlet",
    auth: "admin",
    query: object({
      from: optional(string()),
      to: optional(string()),
      dir: optional(oneOf("b", "f")),
      limit: optional(count),
      filter: optional(string()),
    }),
    handle: ({ app, requester, params, query }) =>
      readAnyPage(app, requester, {
        roomId: params.roomId,
        from: query.from,
        to: query.to,
        direction: query.dir ?? "f",
        limit: query.limit ?? DEFAULT_LIMIT,
        filter: eventFilterOf(query.filter),
      }),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/context/:eventId", {
    servlet: "RoomEventContextServlet",
    auth: "admin",
    query: object({ limit: optional(count), filter: optional(string()) }),
    handle: ({ app, requester, params, query }) =>
      readAnyContext(app, requester, { ...params, limit: query.limit ?? DEFAULT_LIMIT, filter: eventFilterOf(query.filter) }),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/timestamp_to_event", {
    servlet: "RoomTimestampToEventRestServlet",
    auth: "admin",
    query: object({ ts: integerText(), dir: optional(oneOf("b", "f")) }),
    handle: ({ app, params, query }) => readAnyEventByTime(app, params.roomId, query.ts, query.dir ?? "f"),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomId/hierarchy", {
    servlet: "AdminRoomHierarchy",
    auth: "admin",
    query: object({ from: optional(string()), limit: optional(count), max_depth: optional(count) }),
    handle: ({ app, requester, params, query }) =>
      readAnyHierarchy(app, requester, { roomId: params.roomId, from: query.from, limit: query.limit, maxDepth: query.max_depth }),
  }),
  route("GET /_synapse/admin/v1/fetch_event/:eventId", {
    servlet: "EventRestServlet",
    auth: "admin",
    handle: async ({ app, requester, params }) => ({ event: await fetchEvent(app, requester, params.eventId) }),
  }),
  route("GET /_synapse/admin/v1/rooms/:roomIdOrAlias/forward_extremities", {
    servlet: "ForwardExtremitiesRestServlet",
    auth: "admin",
    handle: ({ app, params }) => readExtremities(app, params.roomIdOrAlias),
  }),
  route("DELETE /_synapse/admin/v1/rooms/:roomIdOrAlias/forward_extremities", {
    servlet: "ForwardExtremitiesRestServlet",
    auth: "admin",
    handle: ({ app, params }) => removeExtremities(app, params.roomIdOrAlias),
  }),
  route("POST /_synapse/admin/v1/join/:roomIdOrAlias", {
    servlet: "JoinRoomAliasServlet",
    auth: "admin",
    query: object({ server_name: array(string()) }),
    body: object({ user_id: string() }),
    handle: async ({ app, requester, params, query, body }) => ({
      room_id: await bringIn(app, requester, params.roomIdOrAlias, { userId: body.user_id, via: query.server_name }),
    }),
  }),
  route("POST /_synapse/admin/v1/rooms/:roomIdOrAlias/make_room_admin", {
    servlet: "MakeRoomAdminRestServlet",
    auth: "admin",
    body: optional(object({ user_id: optional(string()) })),
    handle: async ({ app, requester, params, body }) => {
      await makeRoomAdmin(app, params.roomIdOrAlias, body?.user_id ?? requester.userId);
      return {};
    },
  }),
  route("POST /_synapse/admin/v1/user/:userId/redact", {
    servlet: "RedactUser",
    auth: "admin",
    body: object({
      rooms: array(string()),
      reason: maybe(string()),
      limit: maybe(integer()),
      use_admin: maybe(boolean()),
      after_ts: maybe(integer()),
      before_ts: maybe(integer()),
    }),
    handle: async ({ app, requester, params, body }) => ({
      redact_id: await startRedaction(app, requester, {
        userId: params.userId,
        rooms: body.rooms,
        reason: body.reason ?? undefined,
        limit: Math.max(0, body.limit ?? 0) || REDACTIONS,
        useAdmin: body.use_admin ?? false,
        after: body.after_ts ?? undefined,
        before: body.before_ts ?? undefined,
      }),
    }),
  }),
  route("GET /_synapse/admin/v1/user/redact_status/:redactId", {
    servlet: "RedactUserStatus",
    auth: "admin",
    handle: ({ app, params }) => redactionStatus(app, params.redactId),
  }),
]);
