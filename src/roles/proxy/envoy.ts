import { oneExpression } from "./pathPatterns";
import type { ProxyModel, ProxyOptions, ProxyRule, ProxyTarget } from "./proxyModel";

/** What of a request decides which process has it: of several, the first that there is. */
const hashOf: Readonly<Record<ProxyRule["affinity"], readonly string[]>> = {
  user: ["- {header: {header_name: authorization}, terminal: true}", "- {query_parameter: {name: access_token}, terminal: true}"],
  room: ["- header: {header_name: ':path', regex_rewrite: {pattern: {regex: '^.*/rooms/([^/?]+).*$'}, substitution: '\\1'}}"],
  source: ["- connection_properties: {source_ip: true}"],
  none: [],
};

const indent = (lines: readonly string[], by: number): string => lines.map((line) => " ".repeat(by) + line).join("\n");
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

interface Route {
  readonly regex: string;
  readonly cluster: string;
  readonly match?: readonly string[];
  readonly hash?: readonly string[];
}

function route({ regex, cluster, match = [], hash = [] }: Route): string {
  return indent(
    [
      "- match:",
      `    safe_regex: {regex: ${quoted(regex)}}`,
      ...match.map((line) => `    ${line}`),
      `  route:`,
      `    cluster: ${cluster}`,
      "    timeout: 0s",
      "    idle_timeout: 300s",
      "    retry_policy: {retry_on: connect-failure, num_retries: 2}",
      ...(hash.length > 0 ? ["    hash_policy:", ...hash.map((line) => `    ${line}`)] : []),
    ],
    14,
  );
}

function endpoint({ name, at }: ProxyTarget): string {
  const address = "path" in at ? `pipe: {path: ${at.path}}` : `socket_address: {address: ${quoted(at.host)}, port_value: ${at.port}}`;
  return `    - endpoint: {address: {${address}}} # ${name}`;
}

interface Cluster {
  readonly name: string;
  readonly what: string;
  readonly policy: "ROUND_ROBIN" | "LEAST_REQUEST" | "RING_HASH";
  readonly targets: readonly ProxyTarget[];
}

function cluster({ name, what, policy, targets }: Cluster): string {
  // Names of hosts are looked up again; sockets have none.
  const type = targets.some(({ at }) => "path" in at) ? "STATIC" : "STRICT_DNS";
  return `  # ${what}.
  - name: synapse_${name}
    type: ${type}
    lb_policy: ${policy}
    connect_timeout: 5s
    # A process that is away is passed over, and one that is frozen within some seconds: what waits for it is ended, and clients ask again.
    close_connections_on_host_health_failure: true
    health_checks:
    - {timeout: 2s, interval: 1s, unhealthy_threshold: 2, healthy_threshold: 1, http_health_check: {path: /health}}
    load_assignment:
      cluster_name: synapse_${name}
      endpoints:
      - lb_endpoints:
${targets.map((target) => `    ${endpoint(target)}`).join("\n")}`;
}

const policyOf = ({ affinity }: ProxyRule): Cluster["policy"] => (affinity === "none" ? "LEAST_REQUEST" : "RING_HASH");

/** A whole bootstrap file of Envoy (1.27 and newer). */
export function envoyConfig({ serverName, rules, main }: ProxyModel, { port }: ProxyOptions): string {
  const sync = rules.find(({ name }) => name === "sync");
  const routes = [...rules.flatMap(routesOf), { regex: ".*", cluster: "synapse_main" }];
  const clusters: Cluster[] = [
    { name: "main", what: "Everything that workers have no part in", policy: "ROUND_ROBIN", targets: [main] },
    ...rules.map((rule): Cluster => ({ name: rule.name, what: rule.what, policy: policyOf(rule), targets: rule.targets })),
    ...(sync ? [firstSyncCluster(sync)] : []),
  ];
  return `# Reverse proxy for the Matrix homeserver ${serverName}, written by synapse-ts proxy-config envoy.
# Write it again when processes come or go, or the version of synapse-ts changes. Sizes of requests are limited by the processes themselves.

static_resources:
  listeners:
  - name: synapse
    address: {socket_address: {address: '::', port_value: ${port}, ipv4_compat: true}}
    filter_chains:
    # For TLS, and for other servers, which come to port 8448 where nothing else is said, here and in listeners for 443 and 8448:
    # - transport_socket:
    #     name: envoy.transport_sockets.tls
    #     typed_config:
    #       '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
    #       common_tls_context:
    #         tls_certificates:
    #         - certificate_chain: {filename: /etc/letsencrypt/live/${serverName.replace(/:\d+$/, "")}/fullchain.pem}
    #           private_key: {filename: /etc/letsencrypt/live/${serverName.replace(/:\d+$/, "")}/privkey.pem}
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: synapse
          use_remote_address: true
          # Paths go through as they come: a slash in a name is written %2F.
          path_with_escaped_slashes_action: KEEP_UNCHANGED
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: synapse
              domains: ['*']
              # Expressions match whole paths. Clients choose how long they wait for news, mostly 30 s: nothing but idleness ends requests.
              # Requests of one user, or in one room, go to one process, which has in memory what they need.
              routes:
              # Processes talk to each other at listeners of their own, and metrics are not for everybody.
              - {match: {prefix: /_synapse/replication/}, direct_response: {status: 404}}
              - {match: {path: /_synapse/metrics}, direct_response: {status: 404}}
              # Only who has synced before says since when, by one of three names.
${routes.map(route).join("\n")}

  clusters:
${clusters.map(cluster).join("\n")}
`;
}

function routesOf({ name, expressions, affinity }: ProxyRule): Route[] {
  const regex = oneExpression(expressions);
  const usual: Route = { regex, cluster: `synapse_${name}`, hash: hashOf[affinity] };
  if (name !== "sync") return [usual];
  const again = ["since", "from", "pos"].map((parameter): Route => ({
    ...usual,
    match: [`query_parameters: [{name: ${parameter}, present_match: true}]`],
  }));
  return [...again, { regex, cluster: "synapse_first_sync" }];
}

function firstSyncCluster({ targets }: ProxyRule): Cluster {
  return { name: "first_sync", what: "First syncs, which cost most: wherever there is least to do", policy: "LEAST_REQUEST", targets };
}
