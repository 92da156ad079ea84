import { oneExpression } from "./pathPatterns";
import type { ProxyModel, ProxyOptions, ProxyRule, ProxyTarget } from "./proxyModel";
import { ProxyConfigError } from "./proxyModel";

/** The characters that tokens end with and ids of rooms begin with: letters and digits, and two in the ids of rooms of newer versions. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** What makes a request one of those that share a last or first character. Traefik's rules cannot hash, so these take the place of it. */
const shardRule: Readonly<Record<"user" | "room", (characters: string) => string>> = {
  user: (characters) => `(HeaderRegexp(\`Authorization\`, \`[${characters}]$\`) || QueryRegexp(\`access_token\`, \`[${characters}]$\`))`,
  room: (characters) => `PathRegexp(\`/rooms/(!|%21)[${characters}]\`)`,
};

const regexClass = (characters: string): string => characters.replace("-", "\\-");

/** Shares the alphabet among so many, in turns, as evenly as it goes. */
function shares(count: number): string[] {
  return Array.from({ length: count }, (_, i) => regexClass([...ALPHABET].filter((_character, at) => at % count === i).join("")));
}

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function urlOf({ name, at }: ProxyTarget): string {
  if ("path" in at) throw new ProxyConfigError(`Traefik reaches no unix sockets: give ${name} a listener with a port`);
  return `http://${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
}

interface Router {
  readonly name: string;
  readonly rule: string;
  readonly service: string;
}

/** The routers of a rule: for each process that shares in it one with its part of users or rooms, and one for all the rest. */
function routersOf({ name, expressions, affinity, targets }: ProxyRule): Router[] {
  const paths = `PathRegexp(\`${oneExpression(expressions)}$\`)`;
  const rest = { name, rule: paths, service: targets.length > 1 ? name : `only_${targets[0]?.name}` };
  if (targets.length < 2 || affinity === "none" || affinity === "source") return [rest];
  const parts = shares(targets.length).map((characters, i) => ({
    name: `${name}_${targets[i]?.name}`,
    rule: `${paths} && ${shardRule[affinity](characters)}`,
    service: `${targets[i]?.name}_or_${name}`,
  }));
  return [...parts, rest];
}

function routerText({ name, rule, service }: Router, priority: number): string {
  return `    ${name}:
      rule: ${quoted(rule)}
      priority: ${priority}
      service: ${service}`;
}

function balancer(name: string, targets: readonly ProxyTarget[]): string {
  return `    ${name}:
      loadBalancer:
        servers:
${targets.map((target) => `          - url: ${urlOf(target)}`).join("\n")}
        healthCheck: {path: /health, interval: 1s, timeout: 2s}
        responseForwarding: {flushInterval: -1ms}`;
}

const failover = (name: string, first: string, second: string): string => `    ${name}:
      failover: {service: ${first}, fallback: ${second}}`;

function servicesOf({ rules, main }: ProxyModel): string[] {
  const all = new Map([main, ...rules.flatMap(({ targets }) => targets)].map((target) => [target.name, target]));
  const singles = [...all.values()].map((target) => balancer(`only_${target.name}`, [target]));
  const shared = rules.filter(({ targets }) => targets.length > 1);
  return [
    ...singles,
    ...shared.map(({ name, targets }) => balancer(name, targets)),
    ...shared
      .filter(({ affinity }) => affinity === "user" || affinity === "room")
      .flatMap(({ name, targets }) => targets.map((target) => failover(`${target.name}_or_${name}`, `only_${target.name}`, name))),
  ];
}

/** A file for the file provider of Traefik (3.0 and newer). */
export function traefikConfig(model: ProxyModel, { port }: ProxyOptions): string {
  const { serverName, rules, main } = model;
  const sync = rules.find(({ name }) => name === "sync");
  const paths = sync && `PathRegexp(\`${oneExpression(sync.expressions)}$\`)`;
  const synced = ["since", "from", "pos"].map((name) => `!QueryRegexp(\`${name}\`, \`.*\`)`).join(" && ");
  const routers: Router[] = [
    ...(sync && sync.targets.length > 1 ? [{ name: "first_sync", rule: `${paths} && ${synced}`, service: "sync" }] : []),
    ...rules.flatMap(routersOf),
    { name: "main", rule: "PathPrefix(`/`)", service: `only_${main.name}` },
  ];
  return `# Reverse proxy for the Matrix homeserver ${serverName}, written by synapse-ts proxy-config traefik.
# Write it again when processes come or go, or the version of synapse-ts changes. Sizes of requests are limited
# by the processes themselves. In traefik.yml:
#
# entryPoints:
#   synapse: {address: ':${port}', transport: {respondingTimeouts: {readTimeout: 0s}}}
#   # For TLS, and for other servers, which come to port 8448 where nothing else is said:
#   # synapse_tls: {address: ':443', http: {tls: {certResolver: letsencrypt}}}
#   # synapse_federation: {address: ':8448', http: {tls: {certResolver: letsencrypt}}}
# providers:
#   file: {filename: /etc/traefik/synapse.yml}

http:
  middlewares:
    synapse_nobody:
      ipAllowList: {sourceRange: ['255.255.255.255/32']}

  routers:
    # Processes talk to each other at listeners of their own, and metrics are not for everybody.
    hidden:
      rule: 'PathPrefix(\`/_synapse/replication/\`) || Path(\`/_synapse/metrics\`)'
      priority: ${routers.length + 1}
      service: only_${main.name}
      middlewares: [synapse_nobody]
    # Requests of one user, or in one room, go to one process, which has in memory what they need. There are no hashes in rules: the last
    # character of the token and the first one of the room's id take their place. Those with a higher priority are tried first.
${routers.map((router, i) => routerText(router, routers.length - i)).join("\n")}

  services:
    # One process each, those that share work, and for each share who takes over when a process is away.
${servicesOf(model).join("\n")}
`;
}
