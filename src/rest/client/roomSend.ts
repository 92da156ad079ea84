import type { App } from "../../handlers/app";
import { scheduleEvent } from "../../handlers/delayedEvents/schedule";
import type { Requester } from "../../handlers/requester";
import { redactEvent, sendRoomEvent } from "../../handlers/rooms/messages";
import type { SendRequest } from "../../handlers/rooms/messages";
import type { JsonObject } from "../../lib/json";
import { anyObject, integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;
/** `ts`: for application services (MSC3316). */
const timeQuery = object({ ts: optional(integerText({ minimum: 0 })) });
/** With the milliseconds after which it is to be sent (MSC4140). */
const sendQuery = object({ ts: optional(integerText({ minimum: 0 })), "org.matrix.msc4140.delay": optional(integerText({ minimum: 0 })) });
const reasonBody = optional(object({ reason: optional(string()) }));

/** Sends an event, or notes that it is to be sent. */
async function send(
  app: App,
  requester: Requester,
  query: { readonly ts?: number | undefined; readonly "org.matrix.msc4140.delay"?: number | undefined },
  event: SendRequest,
): Promise<JsonObject> {
  const request = { ...event, originServerTs: query.ts };
  const delay = query["org.matrix.msc4140.delay"];
  if (delay !== undefined) return { delay_id: await scheduleEvent(app, requester, request, delay) };
  return { event_id: (await sendRoomEvent(app, requester, request)).eventId };
}

export const roomSendRoutes = group("client.roomSend", [
  route("PUT /_matrix/client/v3/rooms/:roomId/send/:eventType/:txnId", {
    servlet: "RoomSendEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: ({ app, requester, params, query, body }) =>
      send(app, requester, query, {
        roomId: params.roomId,
        type: params.eventType,
        content: body,
        txnId: params.txnId,
      }),
  }),
  route("POST /_matrix/client/v3/rooms/:roomId/send/:eventType", {
    servlet: "RoomSendEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: ({ app, requester, params, query, body }) =>
      send(app, requester, query, {
        roomId: params.roomId,
        type: params.eventType,
        content: body,
      }),
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/state/:eventType/:stateKey", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: ({ app, requester, params, query, body }) =>
      send(app, requester, query, {
        roomId: params.roomId,
        type: params.eventType,
        stateKey: params.stateKey,
        content: body,
      }),
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/state/:eventType", {
    servlet: "RoomStateEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: sendQuery,
    body: anyObject(),
    handle: ({ app, requester, params, query, body }) =>
      send(app, requester, query, {
        roomId: params.roomId,
        type: params.eventType,
        stateKey: "",
        content: body,
      }),
  }),
  route("PUT /_matrix/client/v3/rooms/:roomId/redact/:eventId/:txnId", {
    servlet: "RoomRedactEventRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: timeQuery,
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
    query: timeQuery,
    body: reasonBody,
    handle: async ({ app, requester, params, query, body }) => {
      const sent = await redactEvent(app, requester, { ...params, reason: body?.reason, originServerTs: query.ts });
      return { event_id: sent.eventId };
    },
  }),
]);
