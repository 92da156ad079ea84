import { eventFilterOf } from "../../handlers/filters";
import { readContext, readEvent, readEventByTime, readPage, requireVisibleEvent } from "../../handlers/rooms/history";
import { readAllState, readJoinedMembers, readJoinedRooms, readMembers, readStateEvent } from "../../handlers/rooms/readState";
import { invalidParam } from "../../errors";
import { integerText, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;
const stateQuery = object({ format: optional(oneOf("content", "event")) });

const membership = oneOf("join", "invite", "knock", "leave", "ban");

export const roomReadRoutes = group("client.roomRead", [
  route("GET /_matrix/client/v3/rooms/:roomId/state", {
    servlet: "RoomStateRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ app, requester, params }) => readAllState(app, requester, params.roomId),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: stateQuery,
    handle: ({ app, requester, params, query }) =>
      readStateEvent(app, requester, {
        roomId: params.roomId,
        type: params.eventType,
        stateKey: params.stateKey,
        format: query.format ?? "content",
      }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/state/:eventType", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: stateQuery,
    handle: ({ app, requester, params, query }) =>
      readStateEvent(app, requester, { roomId: params.roomId, type: params.eventType, stateKey: "", format: query.format ?? "content" }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/members", {
    servlet: "RoomMemberListRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ membership: optional(membership), not_membership: optional(membership), at: optional(string()) }),
    handle: async ({ app, requester, params, query }) => ({
      chunk: await readMembers(app, requester, params.roomId, {
        membership: query.membership,
        notMembership: query.not_membership,
        at: query.at,
      }),
    }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/joined_members", {
    servlet: "JoinedRoomMemberListRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: async ({ app, requester, params }) => ({ joined: await readJoinedMembers(app, requester, params.roomId) }),
  }),
  route("GET /_matrix/client/v3/joined_rooms", {
    servlet: "JoinedRoomsRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: async ({ app, requester }) => ({ joined_rooms: await readJoinedRooms(app, requester.userId) }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/messages", {
    servlet: "RoomMessageListRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({
      from: optional(string()),
      to: optional(string()),
      dir: optional(string()),
      limit: optional(integerText({ minimum: 0 })),
      filter: optional(string()),
    }),
    handle: ({ app, requester, params, query }) => {
      const direction = query.dir ?? "f";
      if (direction !== "b" && direction !== "f") throw invalidParam("dir must be b or f");
      return readPage(app, requester, {
        roomId: params.roomId,
        from: query.from === "" ? undefined : query.from,
        to: query.to === "" ? undefined : query.to,
        direction,
        limit: query.limit ?? 10,
        filter: eventFilterOf(query.filter),
      });
    },
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/context/:eventId", {
    servlet: "RoomEventContextServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ limit: optional(integerText({ minimum: 0 })), filter: optional(string()) }),
    handle: ({ app, requester, params, query }) =>
      readContext(app, requester, { ...params, limit: query.limit ?? 10, filter: eventFilterOf(query.filter) }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/event/:eventId", {
    servlet: "RoomEventServlet",
    aliases: prefixes,
    auth: "guest",
    handle: ({ app, requester, params }) => readEvent(app, requester, params.roomId, params.eventId),
  }),
  route("GET /_matrix/client/v3/events/:eventId", {
    servlet: "EventRestServlet",
    aliases: prefixes,
    auth: "guest",
    handle: async ({ app, requester, params }) => {
      const { room } = await requireVisibleEvent(app, requester, params.eventId);
      return readEvent(app, requester, room.roomId, params.eventId);
    },
  }),
  route("GET /_matrix/client/v1/rooms/:roomId/timestamp_to_event", {
    servlet: "TimestampLookupRestServlet",
    aliases: ["unstable/org.matrix.msc3030"],
    auth: "guest",
    query: object({ ts: integerText({ minimum: 0 }), dir: optional(oneOf("f", "b")) }),
    handle: ({ app, requester, params, query }) => readEventByTime(app, requester, params.roomId, query.ts, query.dir ?? "f"),
  }),
]);
