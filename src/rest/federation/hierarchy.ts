import { tellHierarchy } from "../../handlers/spaces/hierarchy";
import { booleanText, object, optional } from "../../lib/schema";
import { group, route } from "../route";

export const federationHierarchyRoutes = group("federation.hierarchy", [
  route("GET /_matrix/federation/v1/hierarchy/:roomId", {
    servlet: "FederationRoomHierarchyServlet",
    auth: "federation",
    query: object({ suggested_only: optional(booleanText()) }),
    handle: ({ app, requester, params, query }) =>
      tellHierarchy(app, requester.origin, params.roomId, query.suggested_only === true ? "suggested" : "all"),
  }),
]);
