import { MatrixError } from "../../errors";
import { createAlias, localAliases, removeAlias, resolveAlias } from "../../handlers/rooms/aliases";
import { directoryFilter, listPublicRooms, networkChoice, publishRoom, readVisibility } from "../../handlers/rooms/publicRooms";
import { array, boolean, integer, integerText, maybe, nullable, object, oneOf, openObject, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const prefixes = ["r0", "api/v1", "unstable"] as const;

export const directoryRoutes = group("client.directory", [
  route("GET /_matrix/client/v3/directory/room/:roomAlias", {
    servlet: "ClientDirectoryServer",
    aliases: prefixes,
    auth: "none",
    handle: async ({ app, params }) => {
      const { roomId, servers } = await resolveAlias(app, params.roomAlias);
      return { room_id: roomId, servers };
    },
  }),
  route("PUT /_matrix/client/v3/directory/room/:roomAlias", {
    servlet: "ClientDirectoryServer",
    aliases: prefixes,
    auth: "user",
    body: object({ room_id: string() }),
    handle: async ({ app, requester, params, body }) => {
      await createAlias(app, requester, params.roomAlias, body.room_id);
      return {};
    },
  }),
  route("DELETE /_matrix/client/v3/directory/room/:roomAlias", {
    servlet: "ClientDirectoryServer",
    aliases: prefixes,
    auth: "user",
    handle: async ({ app, requester, params }) => {
      await removeAlias(app, requester, params.roomAlias);
      return {};
    },
  }),
  route("GET /_matrix/client/v3/rooms/:roomId/aliases", {
    servlet: "RoomAliasListServlet",
    aliases: [...prefixes, "unstable/org.matrix.msc2432"],
    auth: "user",
    handle: async ({ app, requester, params }) => ({ aliases: await localAliases(app, requester, params.roomId) }),
  }),
  route("GET /_matrix/client/v3/directory/list/room/:roomId", {
    servlet: "ClientDirectoryListServer",
    aliases: prefixes,
    auth: "none",
    handle: async ({ app, params }) => ({ visibility: await readVisibility(app, params.roomId) }),
  }),
  route("PUT /_matrix/client/v3/directory/list/room/:roomId", {
    servlet: "ClientDirectoryListServer",
    aliases: prefixes,
    auth: "user",
    body: object({ visibility: optional(oneOf("public", "private")) }),
    handle: async ({ app, requester, params, body }) => {
      await publishRoom(app, requester, params.roomId, body.visibility ?? "public");
      return {};
    },
  }),
  route("GET /_matrix/client/v3/publicRooms", {
    servlet: "PublicRoomListRestServlet",
    aliases: prefixes,
    auth: "optional",
    query: object({ limit: optional(integerText()), since: optional(string()), server: optional(string()) }),
    handle: ({ app, requester, query }) => {
      // Another server answers for itself, so it is ours to say who may ask through us.
      if (!requester && (!app.config.allow_public_rooms_without_auth || query.server !== undefined)) {
        throw new MatrixError(401, "M_MISSING_TOKEN", "Missing access token");
      }
      return listPublicRooms(app, { limit: query.limit, since: query.since, server: query.server, search: undefined, types: undefined });
    },
  }),
  route("POST /_matrix/client/v3/publicRooms", {
    readOnly: true,
    servlet: "PublicRoomListRestServlet",
    aliases: prefixes,
    auth: "guest",
    query: object({ server: optional(string()) }),
    body: object({
      limit: optional(integer()),
      since: maybe(string()),
      filter: maybe(openObject({ generic_search_term: maybe(string()), room_types: maybe(array(nullable(string()))) })),
      include_all_networks: maybe(boolean()),
      third_party_instance_id: maybe(string()),
    }),
    handle: ({ app, query, body }) =>
      listPublicRooms(app, {
        limit: body.limit,
        since: body.since ?? undefined,
        server: query.server,
        networks: networkChoice(body.include_all_networks, body.third_party_instance_id),
        ...directoryFilter(body.filter),
      }),
  }),
]);
