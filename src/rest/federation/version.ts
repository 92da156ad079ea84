import { VERSION } from "../../lib/version";
import { group, route } from "../route";

export const federationVersionRoutes = group("federation.version", [
  route("GET /_matrix/federation/v1/version", {
    servlet: "FederationVersionServlet",
    auth: "none",
    handle: () => ({ server: { name: "synapse-ts", version: VERSION } }),
  }),
]);
