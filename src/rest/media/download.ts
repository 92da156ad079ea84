import { downloadMedia } from "../../handlers/media/download";
import type { MediaRequest } from "../../handlers/media/find";
import { thumbnailOf } from "../../handlers/media/thumbnails";
import type { HttpRequest, RequesterOf } from "../../handlers/request";
import { group, route } from "../route";
import type { Route } from "../route";
import { fileReply } from "./fileReply";
import { downloadQuery, mediaRequest, thumbnailQuery, thumbnailRequest } from "./query";

interface Edition {
  readonly auth: "guest" | "none";
  readonly access: MediaRequest["access"];
  readonly aliases?: readonly string[];
}

/** Downloads and thumbnails below a path. Who does not say who they are is counted by address. */
function downloadRoutes<const Base extends string>(base: Base, { access, ...edition }: Edition): Route[] {
  const by = ({ requester, request }: { readonly requester: RequesterOf["optional"]; readonly request: HttpRequest }) => ({
    request,
    access,
    countedFor: requester?.userId ?? request.ip,
  });
  return [
    route(`GET ${base}/download/:serverName/:mediaId`, {
      ...edition,
      servlet: "DownloadResource",
      query: downloadQuery,
      handle: async ({ app, params, query, ...rest }) =>
        fileReply(rest.request, await downloadMedia(app, mediaRequest({ params, query, ...by(rest) }))),
    }),
    route(`GET ${base}/download/:serverName/:mediaId/:fileName`, {
      ...edition,
      servlet: "DownloadResource",
      query: downloadQuery,
      handle: async ({ app, params, query, ...rest }) =>
        fileReply(rest.request, await downloadMedia(app, mediaRequest({ params, query, ...by(rest) }), params.fileName)),
    }),
    route(`GET ${base}/thumbnail/:serverName/:mediaId`, {
      ...edition,
      servlet: "ThumbnailResource",
      query: thumbnailQuery,
      handle: async ({ app, params, query, ...rest }) =>
        fileReply(rest.request, await thumbnailOf(app, thumbnailRequest({ params, query, ...by(rest) }))),
    }),
  ];
}

/** For who says who they are (client-server API, since version 1.11). */
export const mediaDownloadRoutes = group(
  "media.download",
  downloadRoutes("/_matrix/client/v1/media", { auth: "guest", access: "authenticated" }),
);

/** For anybody; frozen with `enable_authenticated_media`. */
export const openDownloadRoutes = group(
  "media.openDownload",
  downloadRoutes("/_matrix/media/v3", { auth: "none", access: "open", aliases: ["r0", "v1"] }),
);
