import { previewUrl } from "../../handlers/media/previews/preview";
import { integerText, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

/** `ts`, the time from which the preview should be, is only a preference: there is one preview at a time. */
const query = object({ url: string(), ts: optional(integerText()) });

export const previewRoutes = group("media.preview", [
  route("GET /_matrix/client/v1/media/preview_url", {
    servlet: "PreviewURLServlet",
    auth: "user",
    query,
    handle: ({ app, requester, query: { url } }) => previewUrl(app, requester.userId, url),
  }),
  route("GET /_matrix/media/v3/preview_url", {
    servlet: "PreviewUrlResource",
    aliases: ["r0", "v1"],
    auth: "user",
    query,
    handle: ({ app, requester, query: { url } }) => previewUrl(app, requester.userId, url),
  }),
]);
