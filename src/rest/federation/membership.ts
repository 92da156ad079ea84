import { badJson } from "../../errors";
import { receiveInvite } from "../../handlers/federation/receiveInvite";
import { receiveJoin, receiveKnock, receiveLeave } from "../../handlers/federation/receiveMembership";
import { makeTemplate } from "../../handlers/federation/serveTemplates";
import { isJsonObject, own } from "../../lib/json";
import { anyJson, anyObject, array, booleanText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

/** Room versions that a server knows; one that names none knows the first alone (server-server API, "GET make_join"). */
const versionQuery = object({ ver: array(string()) });
const versionsOf = ({ ver }: { readonly ver: readonly string[] }): readonly string[] => (ver.length > 0 ? ver : ["1"]);

const joinQuery = object({ omit_members: optional(booleanText()), "org.matrix.msc3706.partial_state": optional(booleanText()) });

export const federationJoinRoutes = group("federation.join", [
  route("GET /_matrix/federation/v1/make_join/:roomId/:userId", {
    servlet: "FederationMakeJoinServlet",
    auth: "federation",
    query: versionQuery,
    handle: ({ app, requester, params, query }) =>
      makeTemplate(app, requester.origin, { ...params, action: "join", versions: versionsOf(query) }),
  }),
  // The first version answered with the status in the body.
  route("PUT /_matrix/federation/v1/send_join/:roomId/:eventId", {
    servlet: "FederationV1SendJoinServlet",
    auth: "federation",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => [200, await receiveJoin(app, requester.origin, params.roomId, body, "all")],
  }),
  route("PUT /_matrix/federation/v2/send_join/:roomId/:eventId", {
    servlet: "FederationV2SendJoinServlet",
    auth: "federation",
    query: joinQuery,
    body: anyObject(),
    handle: ({ app, requester, params, query, body }) => {
      const omits = query.omit_members ?? query["org.matrix.msc3706.partial_state"] ?? false;
      return receiveJoin(app, requester.origin, params.roomId, body, omits ? "without_members" : "all");
    },
  }),
]);

export const federationLeaveRoutes = group("federation.leave", [
  route("GET /_matrix/federation/v1/make_leave/:roomId/:userId", {
    servlet: "FederationMakeLeaveServlet",
    auth: "federation",
    handle: ({ app, requester, params }) => makeTemplate(app, requester.origin, { ...params, action: "leave", versions: undefined }),
  }),
  route("PUT /_matrix/federation/v1/send_leave/:roomId/:eventId", {
    servlet: "FederationV1SendLeaveServlet",
    auth: "federation",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      await receiveLeave(app, requester.origin, params.roomId, body);
      return [200, {}];
    },
  }),
  route("PUT /_matrix/federation/v2/send_leave/:roomId/:eventId", {
    servlet: "FederationV2SendLeaveServlet",
    auth: "federation",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      await receiveLeave(app, requester.origin, params.roomId, body);
      return {};
    },
  }),
]);

export const federationKnockRoutes = group("federation.knock", [
  route("GET /_matrix/federation/v1/make_knock/:roomId/:userId", {
    servlet: "FederationMakeKnockServlet",
    aliases: ["unstable/xyz.amorgan.knock"],
    auth: "federation",
    query: versionQuery,
    handle: ({ app, requester, params, query }) =>
      makeTemplate(app, requester.origin, { ...params, action: "knock", versions: versionsOf(query) }),
  }),
  route("PUT /_matrix/federation/v1/send_knock/:roomId/:eventId", {
    servlet: "FederationV1SendKnockServlet",
    aliases: ["unstable/xyz.amorgan.knock"],
    auth: "federation",
    body: anyObject(),
    handle: ({ app, requester, params, body }) => receiveKnock(app, requester.origin, params.roomId, body),
  }),
]);

export const federationInviteRoutes = group("federation.invite", [
  // Rooms of versions 1 and 2 alone; what both looked like, the newer version of this endpoint says.
  route("PUT /_matrix/federation/v1/invite/:roomId/:eventId", {
    servlet: "FederationV1InviteServlet",
    auth: "federation",
    body: anyObject(),
    handle: async ({ app, requester, params, body }) => {
      const unsigned = own(body, "unsigned");
      const strippedState = isJsonObject(unsigned) ? own(unsigned, "invite_room_state") : undefined;
      return [200, { event: await receiveInvite(app, requester.origin, { ...params, version: "1", event: body, strippedState }) }];
    },
  }),
  route("PUT /_matrix/federation/v2/invite/:roomId/:eventId", {
    servlet: "FederationV2InviteServlet",
    auth: "federation",
    body: object({ room_version: string(), event: anyJson(), invite_room_state: optional(anyJson()) }),
    handle: async ({ app, requester, params, body }) => {
      if (!isJsonObject(body.event)) throw badJson("event must be an object");
      const { event, room_version: version, invite_room_state: strippedState } = body;
      return { event: await receiveInvite(app, requester.origin, { ...params, version, event, strippedState }) };
    },
  }),
]);
