import { readHierarchy } from "../../handlers/spaces/hierarchy";
import { readRoomSummary } from "../../handlers/spaces/roomSummary";
import { array, booleanText, integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const summaryQuery = object({ via: array(string()) });

export const spaceRoutes = group("client.spaces", [
  route("GET /_matrix/client/v1/rooms/:roomId/hierarchy", {
    servlet: "RoomHierarchyRestServlet",
    aliases: ["unstable/org.matrix.msc2946"],
    auth: "user",
    query: object({
      suggested_only: optional(booleanText()),
      limit: optional(integerText({ minimum: 1 })),
      max_depth: optional(integerText({ minimum: 0 })),
      from: optional(string()),
    }),
    handle: ({ app, requester, params, query }) =>
      readHierarchy(app, requester, {
        roomId: params.roomId,
        choice: query.suggested_only === true ? "suggested" : "all",
        maxDepth: query.max_depth,
        limit: query.limit,
        from: query.from,
      }),
  }),
  route("GET /_matrix/client/v1/room_summary/:roomIdOrAlias", {
    servlet: "RoomSummaryRestServlet",
    aliases: [
      "/_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias",
      "/_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary",
    ],
    auth: "optional",
    query: summaryQuery,
    handle: ({ app, requester, params, query }) => readRoomSummary(app, requester, params.roomIdOrAlias, query.via),
  }),
]);
