import { serveComplexity } from "../../handlers/federation/complexity";
import { forbidden, invalidParam, missingParam, unrecognized } from "../../errors";
import { hostOf } from "../../caches/memberships";
import type { App } from "../../handlers/app";
import { ownProfile } from "../../handlers/profile";
import { resolveOwnAlias } from "../../handlers/rooms/aliases";
import { directoryFilter, listPublicRooms, networkChoice } from "../../handlers/rooms/publicRooms";
import { own } from "../../lib/json";
import { anyJson, integer, integerText, nullable, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

export const federationQueryRoutes = group("federation.query", [
  route("GET /_matrix/federation/unstable/rooms/:roomId/complexity", {
    servlet: "RoomComplexityServlet",
    auth: "federation",
    handle: ({ app, params }) => serveComplexity(app, params.roomId),
  }),
  route("GET /_matrix/federation/v1/query/directory", {
    servlet: "FederationQueryServlet",
    auth: "federation",
    query: object({ room_alias: string() }),
    handle: async ({ app, query }) => {
      if (hostOf(query.room_alias) !== app.serverName) throw invalidParam("Room Alias is not hosted on this homeserver");
      const { roomId, servers } = await resolveOwnAlias(app, query.room_alias);
      return { room_id: roomId, servers };
    },
  }),
  route("GET /_matrix/federation/v1/query/profile", {
    servlet: "FederationQueryServlet",
    auth: "federation",
    query: object({ user_id: optional(string()), field: optional(string()) }),
    handle: async ({ app, query }) => {
      const { user_id: userId, field } = query;
      if (!app.config.allow_profile_lookup_over_federation)
        throw forbidden("Profile lookup over federation is disabled on this homeserver");
      if (userId === undefined) throw missingParam("Missing parameter user_id");
      if (!userId.startsWith("@") || hostOf(userId) !== app.serverName) throw invalidParam("User is not hosted on this homeserver");
      const profile = await ownProfile(app, userId);
      return field === undefined ? profile : { [field]: own(profile, field) };
    },
  }),
  route("GET /_matrix/federation/v1/query/:queryType", {
    servlet: "FederationQueryServlet",
    auth: "federation",
    handle: () => {
      throw unrecognized();
    },
  }),
]);

function checkDirectoryOpen({ config }: Pick<App, "config">): void {
  if (!config.allow_public_rooms_over_federation) throw forbidden("The room directory is not shared with other servers");
}

export const federationPublicRoomsRoutes = group("federation.publicRooms", [
  route("GET /_matrix/federation/v1/publicRooms", {
    servlet: "PublicRoomList",
    auth: "federation",
    query: object({
      limit: optional(integerText()),
      since: optional(string()),
      include_all_networks: optional(string()),
      third_party_instance_id: optional(string()),
    }),
    handle: ({ app, query }) => {
      checkDirectoryOpen(app);
      return listPublicRooms(app, {
        limit: query.limit,
        since: query.since,
        server: undefined,
        search: undefined,
        types: undefined,
        networks: networkChoice(query.include_all_networks, query.third_party_instance_id),
      });
    },
  }),
  route("POST /_matrix/federation/v1/publicRooms", {
    servlet: "PublicRoomList",
    auth: "federation",
    body: object({
      limit: optional(integer()),
      since: optional(nullable(string())),
      filter: optional(anyJson()),
      include_all_networks: optional(anyJson()),
      third_party_instance_id: optional(nullable(string())),
    }),
    handle: ({ app, body }) => {
      checkDirectoryOpen(app);
      return listPublicRooms(app, {
        limit: body.limit,
        since: body.since ?? undefined,
        server: undefined,
        networks: networkChoice(body.include_all_networks, body.third_party_instance_id),
        ...directoryFilter(body.filter),
      });
    },
  }),
]);
