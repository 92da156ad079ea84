import { setReadMarkers } from "../../handlers/readMarkers";
import { nullable, object, optional, string } from "../../lib/schema";
import { group, route } from "../route";

const marker = optional(nullable(string()));

export const readMarkerRoutes = group("client.readMarkers", [
  route("POST /_matrix/client/v3/rooms/:roomId/read_markers", {
    servlet: "ReadMarkerRestServlet",
    aliases: ["r0", "unstable"],
    auth: "user",
    body: object({ "m.fully_read": marker, "m.read": marker, "m.read.private": marker }),
    handle: async ({ app, requester, params, body }) => {
      await setReadMarkers(app, requester, params.roomId, body);
      return {};
    },
  }),
]);
