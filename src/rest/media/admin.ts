import type { App } from "../../handlers/app";
import {
  deleteOfUser,
  deleteOne,
  deleteUnused,
  listOfUser,
  mediaInRoom,
  protect,
  purgeCopies,
  quarantineOfRoom,
  quarantineOfUser,
  quarantineOne,
  releaseOne,
  requireMedia,
} from "../../handlers/media/admin";
import { booleanText, integerText, object, oneOf, optional, string } from "../../lib/schema";
import type { Infer } from "../../lib/schema";
import type { AdminPage } from "../../handlers/media/admin";
import { listChanges, listUse } from "../../handlers/media/adminPages";
import { group, route } from "../route";
import { nextPage } from "../../handlers/admin/nextPage";

const count = integerText({ minimum: 0 });
const listQuery = object({
  limit: optional(count),
  from: optional(count),
  dir: optional(oneOf("f", "b")),
  order_by: optional(
    oneOf(
      "media_id",
      "upload_name",
      "created_ts",
      "last_access_ts",
      "media_length",
      "media_type",
      "quarantined_by",
      "safe_from_quarantine",
    ),
  ),
});
const unusedQuery = object({ before_ts: count, size_gt: optional(count), keep_profiles: optional(booleanText()) });
const useQuery = object({
  limit: optional(count),
  from: optional(count),
  dir: optional(oneOf("f", "b")),
  order_by: optional(oneOf("user_id", "displayname", "media_length", "media_count")),
  from_ts: optional(count),
  until_ts: optional(count),
  search_term: optional(string()),
});
const MAX_LIMIT = 10_000;

/** Newest first unless an order is asked for. */
function pageOf({ limit = 100, from = 0, dir, order_by: orderBy }: Infer<typeof listQuery>): AdminPage {
  return { limit: Math.min(limit, MAX_LIMIT), from, orderBy: orderBy ?? "created_ts", dir: dir ?? (orderBy === undefined ? "b" : "f") };
}

const deleted = (ids: readonly string[]) => ({ deleted_media: ids, total: ids.length });

async function removeUnused({ app, query }: { app: App; query: Infer<typeof unusedQuery> }) {
  const { before_ts: beforeTs, size_gt: sizeGt = 0, keep_profiles: keepProfiles = true } = query;
  return deleted(await deleteUnused(app, { beforeTs, sizeGt, keepProfiles }));
}

export const mediaAdminRoutes = group("media.admin", [
  route("GET /_synapse/admin/v1/users/:userId/media", {
    servlet: "UserMediaRestServlet",
    auth: "admin",
    query: listQuery,
    handle: async ({ app, params, query }) => {
      const page = pageOf(query);
      const { media, total } = await listOfUser(app, params.userId, page);
      return { media, total, ...nextPage(page, media.length, total, Number) };
    },
  }),
  route("DELETE /_synapse/admin/v1/users/:userId/media", {
    servlet: "UserMediaRestServlet",
    auth: "admin",
    query: listQuery,
    handle: async ({ app, params, query }) => deleted(await deleteOfUser(app, params.userId, pageOf(query))),
  }),
  route("GET /_synapse/admin/v1/media/quarantine_changes", {
    servlet: "ListQuarantinedMediaChanges",
    auth: "admin",
    query: object({ from: optional(count) }),
    handle: ({ app, query }) => listChanges(app, query.from ?? 0),
  }),
  route("GET /_synapse/admin/v1/media/:origin/:mediaId", {
    servlet: "QueryMediaByID",
    auth: "admin",
    handle: async ({ app, params }) => {
      const media = await requireMedia(app, params);
      return {
        media_info: {
          media_origin: media.origin,
          user_id: media.userId,
          media_id: media.mediaId,
          media_type: media.mediaType,
          media_length: media.length,
          upload_name: media.uploadName,
          created_ts: media.createdTs,
          filesystem_id: media.filesystemId,
          url_cache: media.urlCache,
          last_access_ts: media.lastAccessTs,
          quarantined_by: media.quarantinedBy,
          authenticated: media.authenticated,
          safe_from_quarantine: media.isProtected,
          sha256: media.sha256,
        },
      };
    },
  }),
  route("DELETE /_synapse/admin/v1/media/:origin/:mediaId", {
    servlet: "DeleteMediaByID",
    auth: "admin",
    handle: async ({ app, params }) => deleted(await deleteOne(app, params)),
  }),
  route("POST /_synapse/admin/v1/media/delete", {
    servlet: "DeleteMediaByDateSize",
    auth: "admin",
    query: unusedQuery,
    handle: removeUnused,
  }),
  // The same, as it was called before; there is no server but this one to name.
  route("POST /_synapse/admin/v1/media/:serverName/delete", {
    servlet: "DeleteMediaByDateSize",
    auth: "admin",
    query: unusedQuery,
    handle: removeUnused,
  }),
  route("POST /_synapse/admin/v1/purge_media_cache", {
    servlet: "PurgeMediaCacheRestServlet",
    auth: "admin",
    query: object({ before_ts: count }),
    handle: async ({ app, query }) => ({ deleted: await purgeCopies(app, query.before_ts) }),
  }),
  route("GET /_synapse/admin/v1/statistics/users/media", {
    servlet: "UserMediaStatisticsRestServlet",
    auth: "admin",
    query: useQuery,
    handle: ({ app, query }) =>
      listUse(app, {
        limit: Math.min(query.limit ?? 100, MAX_LIMIT),
        from: query.from ?? 0,
        dir: query.dir ?? "f",
        orderBy: query.order_by ?? "user_id",
        fromTs: query.from_ts ?? 0,
        untilTs: query.until_ts ?? Number.MAX_SAFE_INTEGER,
        search: query.search_term,
      }),
  }),
]);

export const quarantineRoutes = group("media.quarantine", [
  route("GET /_synapse/admin/v1/room/:roomId/media", {
    servlet: "ListMediaInRoom",
    auth: "admin",
    handle: async ({ app, params }) => {
      const keys = await mediaInRoom(app, params.roomId);
      const uris = (isLocal: boolean) =>
        keys.filter(({ origin }) => (origin === app.serverName) === isLocal).map(({ origin, mediaId }) => `mxc://${origin}/${mediaId}`);
      return { local: uris(true), remote: uris(false) };
    },
  }),
  route("POST /_synapse/admin/v1/room/:roomId/media/quarantine", {
    servlet: "QuarantineMediaInRoom",
    aliases: ["/_synapse/admin/v1/quarantine_media/:roomId"],
    auth: "admin",
    handle: async ({ app, requester, params }) => ({ num_quarantined: await quarantineOfRoom(app, requester, params.roomId) }),
  }),
  route("POST /_synapse/admin/v1/user/:userId/media/quarantine", {
    servlet: "QuarantineMediaByUser",
    auth: "admin",
    handle: async ({ app, requester, params }) => ({ num_quarantined: await quarantineOfUser(app, requester, params.userId) }),
  }),
  route("POST /_synapse/admin/v1/media/quarantine/:origin/:mediaId", {
    servlet: "QuarantineMediaByID",
    auth: "admin",
    handle: async ({ app, requester, params }) => {
      await quarantineOne(app, requester, params);
      return {};
    },
  }),
  route("POST /_synapse/admin/v1/media/unquarantine/:origin/:mediaId", {
    servlet: "UnquarantineMediaByID",
    auth: "admin",
    handle: async ({ app, params }) => {
      await releaseOne(app, params);
      return {};
    },
  }),
  route("POST /_synapse/admin/v1/media/:change(protect|unprotect)/:mediaId", {
    servlet: "ProtectMediaByID",
    auth: "admin",
    handle: async ({ app, params }) => {
      await protect(app, params.mediaId, params.change);
      return {};
    },
  }),
]);
