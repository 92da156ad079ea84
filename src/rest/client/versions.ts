import { supportedVersions } from "../../handlers/account/versions";
import { group, route } from "../route";

export const versionRoutes = group("client.versions", [
  route("GET /_matrix/client/versions", {
    servlet: "VersionsRestServlet",
    auth: "none",
    handle: ({ app }) => supportedVersions(app.config),
  }),
]);
