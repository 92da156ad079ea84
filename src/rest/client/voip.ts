import { turnCredentials } from "../../handlers/turn";
import { group, route } from "../route";

export const voipRoutes = group("client.voip", [
  route("GET /_matrix/client/v3/voip/turnServer", {
    servlet: "VoipRestServlet",
    aliases: ["r0", "api/v1", "unstable"],
    auth: "guest",
    handle: ({ app, requester }) => turnCredentials(app, requester),
  }),
]);
