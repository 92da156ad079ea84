import type { Metrics } from "../../observe/metrics";
import { reply } from "../reply";
import { group, route, type Route, type RouteGroup } from "../route";

function metricsRoute(path: `/${string}`, metrics: Metrics): Route {
  return route(`GET ${path}`, {
    servlet: "MetricsResource",
    auth: "none",
    handle: async () => reply({ headers: { "Content-Type": metrics.contentType }, body: await metrics.text() }),
  });
}

/** For the resource `metrics` of http listeners. */
export function metricsRoutes(metrics: Metrics): RouteGroup {
  return group("metrics", [metricsRoute("/_synapse/metrics", metrics)]);
}

/** A listener of type `metrics` serves nothing else and answers at any path, as Prometheus's own servers do. */
export function metricsEverywhere(metrics: Metrics): RouteGroup {
  return group("metrics", [metricsRoute("/:path*", metrics)]);
}
