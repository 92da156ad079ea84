import { reply } from "../reply";
import { group, route } from "../route";

/** "The process answers", nothing more: load balancers and container health checks ask. */
export const healthRoutes = group("health", [
  route("GET /health", {
    servlet: "HealthResource",
    auth: "none",
    handle: () => reply({ headers: { "Content-Type": "text/plain; charset=utf-8" }, body: "OK" }),
  }),
]);
