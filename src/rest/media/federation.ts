import type { App } from "../../handlers/app";
import { downloadMedia } from "../../handlers/media/download";
import { thumbnailOf } from "../../handlers/media/thumbnails";
import { group, route } from "../route";
import { multipartReply } from "./multipartReply";
import { mediaRequest, serverDownloadQuery, serverThumbnailQuery, thumbnailRequest } from "./query";

const boundary = ({ random }: App): string => random.letters(32);

/** Our users' media for other servers, which prove who they are (server-server API, "Content repository"). */
export const federationMediaRoutes = group("media.federation", [
  route("GET /_matrix/federation/v1/media/download/:mediaId", {
    servlet: "FederationMediaDownloadServlet",
    auth: "federation",
    query: serverDownloadQuery,
    handle: async ({ app, requester, params, query, request }) => {
      const own = { serverName: app.serverName, mediaId: params.mediaId };
      const asked = mediaRequest({ params: own, query, request, access: "federation", countedFor: requester.origin });
      return multipartReply(await downloadMedia(app, asked), boundary(app));
    },
  }),
  route("GET /_matrix/federation/v1/media/thumbnail/:mediaId", {
    servlet: "FederationMediaThumbnailServlet",
    auth: "federation",
    query: serverThumbnailQuery,
    handle: async ({ app, requester, params, query, request }) => {
      const own = { serverName: app.serverName, mediaId: params.mediaId };
      const asked = thumbnailRequest({ params: own, query, request, access: "federation", countedFor: requester.origin });
      return multipartReply(await thumbnailOf(app, asked), boundary(app));
    },
  }),
]);
