import { serveBackfill, serveMissingEvents } from "../../handlers/federation/serveHistory";
import { serveEvent, serveEventAuth, serveEventByTime, serveState, serveStateIds } from "../../handlers/federation/serveEvents";
import { array, integer, integerText, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const atEvent = object({ event_id: string() });

export const federationEventRoutes = group("federation.events", [
  route("GET /_matrix/federation/v1/event/:eventId/?", {
    servlet: "FederationEventServlet",
    auth: "federation",
    handle: ({ app, requester, params }) => serveEvent(app, requester.origin, params.eventId),
  }),
  route("GET /_matrix/federation/v1/state/:roomId/?", {
    servlet: "FederationStateV1Servlet",
    auth: "federation",
    query: atEvent,
    handle: ({ app, requester, params, query }) => serveState(app, requester.origin, params.roomId, query.event_id),
  }),
  route("GET /_matrix/federation/v1/state_ids/:roomId/?", {
    servlet: "FederationStateIdsServlet",
    auth: "federation",
    query: atEvent,
    handle: ({ app, requester, params, query }) => serveStateIds(app, requester.origin, params.roomId, query.event_id),
  }),
  route("GET /_matrix/federation/v1/event_auth/:roomId/:eventId", {
    servlet: "FederationEventAuthServlet",
    auth: "federation",
    handle: ({ app, requester, params }) => serveEventAuth(app, requester.origin, params.roomId, params.eventId),
  }),
  route("GET /_matrix/federation/v1/timestamp_to_event/:roomId/?", {
    servlet: "FederationTimestampLookupServlet",
    aliases: ["unstable/org.matrix.msc3030"],
    auth: "federation",
    query: object({ ts: integerText(), dir: oneOf("f", "b") }),
    handle: ({ app, requester, params, query }) => serveEventByTime(app, requester.origin, params.roomId, query.ts, query.dir),
  }),
]);

export const federationHistoryRoutes = group("federation.history", [
  route("GET /_matrix/federation/v1/backfill/:roomId/?", {
    servlet: "FederationBackfillServlet",
    auth: "federation",
    query: object({ v: array(string()), limit: integerText() }),
    handle: ({ app, requester, params, query }) => serveBackfill(app, requester.origin, params.roomId, query.v, query.limit),
  }),
  route("POST /_matrix/federation/v1/get_missing_events/:roomId", {
    servlet: "FederationGetMissingEventsServlet",
    auth: "federation",
    body: object({
      earliest_events: optional(array(string())),
      latest_events: optional(array(string())),
      limit: optional(integer()),
      min_depth: optional(integer()),
    }),
    handle: ({ app, requester, params, body }) =>
      serveMissingEvents(app, requester.origin, params.roomId, {
        earliest: body.earliest_events ?? [],
        latest: body.latest_events ?? [],
        limit: body.limit ?? 10,
        minDepth: body.min_depth ?? 0,
      }),
  }),
]);
