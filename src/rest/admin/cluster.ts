import { readCluster } from "../../handlers/admin/cluster";
import { group, route } from "../route";

export const clusterRoutes = group("admin.cluster", [
  // Not of Synapse, whose processes know nothing of each other.
  route("GET /_synapse/admin/v1/cluster", {
    servlet: "ClusterRestServlet",
    auth: "admin",
    handle: ({ app }) => readCluster({ ...app, ...app.cluster }),
  }),
]);
