import { readEventStream } from "../../handlers/legacy/eventStream";
import { readInitialSync, readRoomInitialSync } from "../../handlers/legacy/initialSync";
import { booleanText, integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;
const DEFAULT_WAIT_MS = 30_000;
const DEFAULT_LIMIT = 10;
const limit = optional(integerText({ minimum: 0 }));

export const legacyRoutes = group("client.legacy", [
  route("GET /_matrix/client/v3/events", {
    servlet: "EventStreamRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ from: optional(string()), timeout: optional(integerText({ minimum: 0 })), limit, room_id: optional(string()) }),
    handle: ({ app, requester, query, request }) =>
      readEventStream(app, requester, {
        from: query.from === "" ? undefined : query.from,
        timeout: query.timeout ?? DEFAULT_WAIT_MS,
        limit: query.limit ?? DEFAULT_LIMIT,
        roomId: query.room_id,
        signal: request.ending,
      }),
  }),
  route("GET /_matrix/client/v3/initialSync", {
    servlet: "InitialSyncRestServlet",
    aliases: prefixes,
    auth: "user",
    query: object({ limit, archived: optional(booleanText()) }),
    handle: ({ app, requester, query }) =>
      readInitialSync(app, requester, {
        limit: query.limit ?? DEFAULT_LIMIT,
        archived: query.archived ? "withLeft" : "withoutLeft",
      }),
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/initialSync", {
    servlet: "RoomInitialSyncRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ limit }),
    handle: ({ app, requester, params, query }) => readRoomInitialSync(app, requester, params.roomId, query.limit ?? DEFAULT_LIMIT),
  }),
]);
