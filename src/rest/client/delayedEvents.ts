import { delayActions, listDelayedEvents, lookUpDelayedEvent, manageDelayedEvent } from "../../handlers/delayedEvents/manage";
import { scheduleEvent } from "../../handlers/delayedEvents/schedule";
import { anyObject, integer, integerText, object, oneOf, optional, string } from "../../lib/schema";
import { group, route } from "../route";

/** Events that are sent later (MSC4140). Whoever knows the id of one may manage it, with an access token or without. */
export const delayedEventRoutes = group("client.delayedEvents", [
  route("PUT /_matrix/client/unstable/org.matrix.msc4140/rooms/:roomId/delayed_event/:eventType/:txnId", {
    servlet: "DelayedEventRestServlet",
    auth: "guest",
    query: object({ ts: optional(integerText({ minimum: 0 })) }),
    body: object({ delay_ms: integer({ minimum: 1 }), state_key: optional(string()), content: anyObject() }),
    handle: async ({ app, requester, params: { roomId, eventType: type, txnId }, query, body }) => {
      const { delay_ms: delay, state_key: stateKey, content } = body;
      const request = { roomId, type, stateKey, content, txnId, originServerTs: query.ts };
      return { delay_id: await scheduleEvent(app, requester, request, delay) };
    },
  }),
  route("GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events", {
    servlet: "DelayedEventsServlet",
    auth: "guest",
    handle: async ({ app, requester }) => ({ delayed_events: await listDelayedEvents(app, requester) }),
  }),
  route("GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId", {
    servlet: "DelayedEventServlet",
    auth: "guest",
    handle: ({ app, requester, params }) => lookUpDelayedEvent(app, requester, params.delayId),
  }),
  route("POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId", {
    servlet: "UpdateDelayedEventServlet",
    auth: "optional",
    body: object({ action: oneOf(...delayActions) }),
    handle: async ({ app, requester, params, body, request }) => {
      await manageDelayedEvent(app, { requester, ip: request.ip }, params.delayId, body.action);
      return {};
    },
  }),
  route("POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/:delayId/:action(send|cancel|restart)", {
    servlet: "UpdateDelayedEventServlet",
    auth: "optional",
    handle: async ({ app, requester, params, request }) => {
      await manageDelayedEvent(app, { requester, ip: request.ip }, params.delayId, params.action);
      return {};
    },
  }),
]);
