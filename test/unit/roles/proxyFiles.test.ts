import { load } from "js-yaml";
import { loadConfig } from "../../../src/config/load";
import { allGroups } from "../../../src/rest/registry";
import { compileRoutes } from "../../../src/rest/router";
import { plan } from "../../../src/roles/plan";
import { caddyConfig } from "../../../src/roles/proxy/caddy";
import { envoyConfig } from "../../../src/roles/proxy/envoy";
import { proxyModel, ProxyConfigError } from "../../../src/roles/proxy/proxyModel";
import { classOf } from "../../../src/roles/proxy/requestClasses";
import { traefikConfig } from "../../../src/roles/proxy/traefik";
import { deploymentFiles } from "../../builders/proxyDeployment";

/*
 * Traefik and Envoy are not installed by package managers, so their files are read here as the programs' documentation says they read
 * them. Those of nginx, haproxy and Caddy are tried with the real programs in test/workers/proxy.test.ts.
 */

const files = deploymentFiles({ main: 8008, workerA: 8081, workerB: 8082, media: 8085 });
const config = loadConfig([files.main]).config;
const model = proxyModel(config, [plan(config).plan, ...files.workers.map((file) => plan(loadConfig([files.main, file]).config).plan)]);
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- of the shape that the program wants
type Yaml = any;

const fill = (pattern: string): string =>
  pattern
    .replace(/\/\?$/, "")
    .replace(/:\w+\(([^|)]+)[^)]*\)/g, "$1")
    .replace(/:\w+\*?/g, "%21x%2Fy:z");

interface Asked {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** Asks for every route, and says which did not come where its class belongs. */
function misled(poolOf: (asked: Asked) => string): string[] {
  return compileRoutes(allGroups).compiled.flatMap((route) => {
    const of = classOf(route);
    const asked = { path: fill(route.pattern), query: { since: "s1" }, token: "tokenA" };
    return !of || poolOf(asked) === of.name ? [] : [`${asked.path}: ${poolOf(asked)} instead of ${of.name}`];
  });
}

describe("envoy", () => {
  const file: Yaml = load(envoyConfig(model, { port: 80 }));
  const { routes } = file.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0];
  const clusters = new Map<string, Yaml>(file.static_resources.clusters.map((cluster: Yaml) => [cluster.name, cluster]));
  const routeOf = ({ path, query = {} }: Asked): Yaml =>
    routes.find(({ match }: Yaml) => {
      const fits =
        match.safe_regex !== undefined
          ? new RegExp(`^(?:${match.safe_regex.regex})$`).test(path)
          : match.path === path || (match.prefix !== undefined && path.startsWith(match.prefix));
      return fits && (match.query_parameters ?? []).every(({ name }: Yaml) => Object.hasOwn(query, name));
    });
  const clusterOf = (asked: Asked): string => routeOf(asked).route.cluster.replace("synapse_", "");

  test("every request goes where it belongs", () => {
    expect(misled(clusterOf)).toEqual([]);
    expect(clusterOf({ path: "/_matrix/client/v3/sync" })).toBe("first_sync");
    expect(clusterOf({ path: "/_synapse/admin/v1/nothing_that_workers_know" })).toBe("main");
    for (const path of ["/_synapse/replication/x", "/_synapse/metrics"]) expect(routeOf({ path }).direct_response).toEqual({ status: 404 });
  });

  test("what routes name is there, with the processes that have it, and hashes where there is something to hash", () => {
    const addresses = (name: string): number[] =>
      clusters.get(name)?.load_assignment.endpoints[0].lb_endpoints.map(({ endpoint }: Yaml) => endpoint.address.socket_address.port_value);
    for (const { route } of routes.filter((one: Yaml) => one.route)) {
      expect(clusters.has(route.cluster)).toBe(true);
      expect(clusters.get(route.cluster)?.lb_policy === "RING_HASH").toBe(route.hash_policy !== undefined);
    }
    expect(addresses("synapse_room")).toEqual([8081, 8082]);
    expect(addresses("synapse_main")).toEqual([8008]);
    expect(addresses("synapse_media")).toEqual([8085]);
  });
});

describe("traefik", () => {
  const file: Yaml = load(traefikConfig(model, { port: 80 }));
  const routers: [string, Yaml][] = Object.entries<Yaml>(file.http.routers).sort(([, a], [, b]) => b.priority - a.priority);

  /** The matchers of a rule as JavaScript. */
  function matches(rule: string, { path, query = {}, token = "" }: Asked): boolean {
    const results = rule.replace(/(\w+)\(`([^`]*)`(?:, `([^`]*)`)?\)/g, (_, matcher: string, first: string, second = "") => {
      const tests: Readonly<Record<string, () => boolean>> = {
        PathRegexp: () => new RegExp(first).test(path),
        PathPrefix: () => path.startsWith(first),
        Path: () => path === first,
        HeaderRegexp: () => first === "Authorization" && token !== "" && new RegExp(second).test(`Bearer ${token}`),
        QueryRegexp: () => Object.hasOwn(query, first) && new RegExp(second).test(query[first] ?? ""),
      };
      return String(tests[matcher]?.());
    });
    const parts = results.split(" && ").map((part) => part.replace(/[()]/g, "").split(" || "));
    return parts.every((choices) => choices.some((choice) => choice === "true" || choice === "!false"));
  }
  const routerOf = (asked: Asked): [string, Yaml] => routers.find(([, { rule }]) => matches(rule, asked)) ?? ["none", {}];
  const classNameOf = (asked: Asked): string => routerOf(asked)[0].replace(/_(worker_[ab]|media1)$/, "");

  test("every request goes where it belongs", () => {
    expect(misled(classNameOf)).toEqual([]);
    expect(classNameOf({ path: "/_matrix/client/v3/sync", token: "a" })).toBe("first_sync");
    expect(classNameOf({ path: "/_synapse/admin/v1/nothing_that_workers_know" })).toBe("main");
    expect(routerOf({ path: "/_synapse/replication/x" })[1].middlewares).toEqual(["synapse_nobody"]);
  });

  test("users and rooms are shared out, each to one process as long as it is there", () => {
    const characters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];
    const services = (asked: (character: string) => Asked): string[] =>
      characters.map((character) => routerOf(asked(character))[1].service);
    for (const shared of [
      services((character) => ({ path: "/_matrix/client/v3/sync", query: { since: "s1" }, token: `syt_${character}` })),
      services((character) => ({ path: "/_matrix/client/v3/sync", query: { since: "s1", access_token: `syt_${character}` } })),
      services((character) => ({ path: `/_matrix/client/v3/rooms/%21${character}oom:a/messages` })),
      services((character) => ({ path: `/_matrix/client/v3/rooms/!${character}oom:a/messages` })),
    ]) {
      const [a = [], b = []] = ["worker_a_or", "worker_b_or"].map((name) => shared.filter((service) => service.startsWith(name)));
      expect([a.length, b.length]).toEqual([32, 32]);
    }
  });

  test("every service is there", () => {
    const services: Readonly<Record<string, Yaml>> = file.http.services;
    const named = [
      ...routers.map(([, { service }]) => service),
      ...Object.values(services).flatMap(({ failover }) => (failover ? [failover.service, failover.fallback] : [])),
    ];
    expect(named.filter((name) => !Object.hasOwn(services, name))).toEqual([]);
    expect(services["room"].loadBalancer.servers).toEqual([{ url: "http://127.0.0.1:8081" }, { url: "http://127.0.0.1:8082" }]);
  });

  test("unix sockets are beyond it", () => {
    expect(() => traefikConfig({ ...model, main: { name: "main", at: { path: "/run/main.sock" } } }, { port: 80 })).toThrow(
      ProxyConfigError,
    );
  });
});

test("caddy has unix sockets and ports, and braces that close", () => {
  const text = caddyConfig({ ...model, main: { name: "main", at: { path: "/run/main.sock" } } }, { port: 80 });
  expect(text).toContain("reverse_proxy unix//run/main.sock {");
  expect(text).toContain("reverse_proxy 127.0.0.1:8081 127.0.0.1:8082 {\n\t\t\t\tlb_policy header X-Synapse-Room");
  expect(text.split("\n").filter((line) => /\{$/.test(line)).length).toBe(
    text.split("\n").filter((line) => /^\s*\}$/.test(line)).length + 1,
  );
});
