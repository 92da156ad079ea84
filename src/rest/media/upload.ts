import { limitUser } from "../../handlers/rateLimiter";
import { createMediaId } from "../../handlers/media/createId";
import { uploadMedia, uploadToId } from "../../handlers/media/upload";
import type { Upload } from "../../handlers/media/upload";
import type { HttpRequest } from "../../handlers/request";
import type { ByteReader } from "../../lib/byteReader";
import { byteStream, object, optional, string } from "../../lib/schema";
import type { App } from "../../handlers/app";
import { group, route } from "../route";

const older = ["r0", "v1"];
const uploadQuery = object({ filename: optional(string()) });
const maxBody = ({ config }: App): number => config.max_upload_size;

function uploadOf({ headers }: HttpRequest, body: ByteReader, fileName: string | undefined): Upload {
  const length = headers["content-length"];
  return { body, length: length === undefined ? undefined : Number(length), contentType: headers["content-type"], fileName };
}

export const mediaUploadRoutes = group("media.upload", [
  route("POST /_matrix/media/v3/upload", {
    servlet: "UploadServlet",
    aliases: older,
    auth: "user",
    query: uploadQuery,
    body: byteStream(),
    maxBody,
    handle: async ({ app, requester, query, body, request }) => ({
      content_uri: await uploadMedia(app, requester, uploadOf(request, body, query.filename)),
    }),
  }),
  route("POST /_matrix/media/v1/create", {
    servlet: "CreateResource",
    auth: "user",
    limit: ({ app, requester }) => {
      limitUser(app, requester, "rc_media_create");
    },
    handle: async ({ app, requester }) => {
      const { mediaId, expiresTs } = await createMediaId(app, requester);
      return { content_uri: `mxc://${app.serverName}/${mediaId}`, unused_expires_at: expiresTs };
    },
  }),
  route("PUT /_matrix/media/v3/upload/:serverName/:mediaId", {
    servlet: "AsyncUploadServlet",
    auth: "user",
    query: uploadQuery,
    body: byteStream(),
    maxBody,
    handle: async ({ app, requester, params, query, body, request }) => {
      await uploadToId(app, requester, { origin: params.serverName, mediaId: params.mediaId }, uploadOf(request, body, query.filename));
      return {};
    },
  }),
]);

const config = ({ app }: { app: App }) => ({ "m.upload.size": app.config.max_upload_size });

export const mediaConfigRoutes = group("media.config", [
  route("GET /_matrix/client/v1/media/config", { servlet: "MediaConfigResource", auth: "guest", handle: config }),
  route("GET /_matrix/media/v3/config", { servlet: "MediaConfigResource", aliases: older, auth: "guest", handle: config }),
]);
