import { downloadMedia } from "../../handlers/media/download";
import { thumbnailOf } from "../../handlers/media/thumbnails";
import { group, route } from "../route";
import { fileReply } from "./fileReply";
import { downloadQuery, mediaRequest, thumbnailQuery, thumbnailRequest } from "./query";

/** For who says who they are (client-server API, since version 1.11). */
export const mediaDownloadRoutes = group("media.download", [
  route("GET /_matrix/client/v1/media/download/:serverName/:mediaId", {
    servlet: "DownloadResource",
    auth: "guest",
    query: downloadQuery,
    handle: async ({ app, requester, params, query, request }) => {
      const asked = mediaRequest({ params, query, request, access: "authenticated", countedFor: requester.userId });
      return fileReply(request, await downloadMedia(app, asked));
    },
  }),
  route("GET /_matrix/client/v1/media/download/:serverName/:mediaId/:fileName", {
    servlet: "DownloadResource",
    auth: "guest",
    query: downloadQuery,
    handle: async ({ app, requester, params, query, request }) => {
      const asked = mediaRequest({ params, query, request, access: "authenticated", countedFor: requester.userId });
      return fileReply(request, await downloadMedia(app, asked, params.fileName));
    },
  }),
  route("GET /_matrix/client/v1/media/thumbnail/:serverName/:mediaId", {
    servlet: "ThumbnailResource",
    auth: "guest",
    query: thumbnailQuery,
    handle: async ({ app, requester, params, query, request }) => {
      const asked = thumbnailRequest({ params, query, request, access: "authenticated", countedFor: requester.userId });
      return fileReply(request, await thumbnailOf(app, asked));
    },
  }),
]);

const older = ["r0", "v1"];

/** For anybody; frozen with `enable_authenticated_media`. */
export const openDownloadRoutes = group("media.openDownload", [
  route("GET /_matrix/media/v3/download/:serverName/:mediaId", {
    servlet: "DownloadResource",
    aliases: older,
    auth: "none",
    query: downloadQuery,
    handle: async ({ app, params, query, request }) => {
      const asked = mediaRequest({ params, query, request, access: "open", countedFor: request.ip });
      return fileReply(request, await downloadMedia(app, asked));
    },
  }),
  route("GET /_matrix/media/v3/download/:serverName/:mediaId/:fileName", {
    servlet: "DownloadResource",
    aliases: older,
    auth: "none",
    query: downloadQuery,
    handle: async ({ app, params, query, request }) => {
      const asked = mediaRequest({ params, query, request, access: "open", countedFor: request.ip });
      return fileReply(request, await downloadMedia(app, asked, params.fileName));
    },
  }),
  route("GET /_matrix/media/v3/thumbnail/:serverName/:mediaId", {
    servlet: "ThumbnailResource",
    aliases: older,
    auth: "none",
    query: thumbnailQuery,
    handle: async ({ app, params, query, request }) => {
      const asked = thumbnailRequest({ params, query, request, access: "open", countedFor: request.ip });
      return fileReply(request, await thumbnailOf(app, asked));
    },
  }),
]);
