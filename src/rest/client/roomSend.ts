import { redactEvent, sendRoomEvent } from "../../handlers/rooms/messages";
import { anyObject, integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;
/** `ts`: for application services (MSC3316). */
const sendQuery = object({ ts: optional(integerText({ minimum: 0 })) });
const reasonBody = optional(object({ reason: optional(string()) }));

export const roomSendRoutes = group("client.roomSend", [
  route("PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId", {
    servlet: "RoomSendEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: async ({ app, requester, params, query, body }) => {
      const { eventId } = await sendRoomEvent(app, requester, {
        roomId: params.roomId,
        type: params.eventType,
        content: body,
        txnId: params.txnId,
        originServerTs: query.ts,
      });
      return { event_id: eventId };
    },
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/send/:eventType", {
    servlet: "RoomSendEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: async ({ app, requester, params, query, body }) => {
      const { eventId } = await sendRoomEvent(app, requester, {
        roomId: params.roomId,
        type: params.eventType,
        content: body,
        originServerTs: query.ts,
      });
      return { event_id: eventId };
    },
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: async ({ app, requester, params, query, body }) => {
      const { eventId } = await sendRoomEvent(app, requester, {
        roomId: params.roomId,
        type: params.eventType,
        stateKey: params.stateKey,
        content: body,
        originServerTs: query.ts,
      });
      return { event_id: eventId };
    },
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/state/:eventType", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: async ({ app, requester, params, query, body }) => {
      const { eventId } = await sendRoomEvent(app, requester, {
        roomId: params.roomId,
        type: params.eventType,
        stateKey: "",
        content: body,
        originServerTs: query.ts,
      });
      return { event_id: eventId };
    },
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/redact/:eventId/:txnId", {
    servlet: "RoomRedactEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: reasonBody,
    handle: async ({ app, requester, params, query, body }) => {
      const sent = await redactEvent(app, requester, { ...params, reason: body?.reason, originServerTs: query.ts });
      return { event_id: sent.eventId };
    },
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/redact/:eventId", {
    servlet: "RoomRedactEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: reasonBody,
    handle: async ({ app, requester, params, query, body }) => {
      const sent = await redactEvent(app, requester, { ...params, reason: body?.reason, originServerTs: query.ts });
      return { event_id: sent.eventId };
    },
  }),
]);
