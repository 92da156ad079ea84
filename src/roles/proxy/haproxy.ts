import { socketOf } from "./proxyModel";
import type { ProxyModel, ProxyOptions, ProxyRule, ProxyTarget } from "./proxyModel";

/** Consistent, so that a process that comes or goes moves only its own share. */
const balanceOf: Readonly<Record<ProxyRule["affinity"], readonly string[]>> = {
  user: ["balance hash var(txn.user)", "hash-type consistent sdbm avalanche"],
  room: ["balance hash var(txn.room)", "hash-type consistent sdbm avalanche"],
  source: ["balance source", "hash-type consistent sdbm avalanche"],
  none: ["balance leastconn"],
};

function serverOf({ name, at }: ProxyTarget): string {
  return `    server ${name} ${"path" in at ? `unix@${at.path}` : `${at.host}:${at.port}`} check`;
}

function backend(name: string, what: string, targets: readonly ProxyTarget[], balance: readonly string[]): string {
  return [`# ${what}.`, `backend synapse_${name}`, ...balance.map((line) => `    ${line}`), ...targets.map(serverOf)].join("\n");
}

const quoted = (expression: string): string => `'${expression}$'`;

function aclLines({ name, expressions }: ProxyRule): string[] {
  return expressions.map((expression) => `    acl is_${name} path -m reg ${quoted(expression)}`);
}

/** A whole haproxy.cfg (2.6 and newer). */
export function haproxyConfig({ serverName, maxBody, rules, main }: ProxyModel, { port, addresses }: ProxyOptions): string {
  const binds = addresses?.map((address) => socketOf(address, port)) ?? [`:::${port} v4v6`];
  const sync = rules.find(({ name }) => name === "sync")?.targets ?? [main];
  return `# Reverse proxy for the Matrix homeserver ${serverName}, written by synapse-ts proxy-config haproxy.
# Write it again when processes come or go, or the version of synapse-ts changes. Certificates are yours to fill in.

defaults
    mode http
    option forwardfor
    # Each request by itself, so that it goes where it belongs.
    option http-server-close
    timeout connect 5s
    timeout client 300s
    # Clients choose how long they wait for news, mostly 30 s.
    timeout server 300s
    timeout http-request 30s
    # A process that is away is passed over, and one that is frozen within some seconds: what waits for it is ended, and clients ask again.
    # What was sent is sent to another one where a repetition changes nothing.
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    option httpchk GET /health
    timeout check 2s
    default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions

frontend synapse
    http-request disable-l7-retry if METH_POST
${binds.map((bind) => `    bind ${bind}`).join("\n")}
    # For TLS, and for other servers, which come to port 8448 where nothing else is said:
    # bind :::443,:::8448 v4v6 ssl crt /etc/haproxy/${serverName.replace(/:\d+$/, "")}.pem
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    # max_upload_size, and what the largest other request needs.
    http-request deny deny_status 413 if { req.hdr_val(content-length) gt ${Math.ceil(maxBody)} }
    # Processes talk to each other at listeners of their own.
    http-request deny deny_status 404 if { path_beg /_synapse/replication/ } or { path /_synapse/metrics }

    # Requests of one user, or in one room, go to one process, which has in memory what they need.
    http-request set-var(txn.user) url_param(access_token)
    http-request set-var(txn.user) req.hdr(Authorization) if { req.hdr(Authorization) -m found }
    http-request set-var(txn.room) path,regsub(^.*/rooms/,),field(1,/)

${rules.flatMap(aclLines).join("\n")}
    # Only who has synced before says since when, by one of three names.
    acl has_synced url_param(since) -m found
    acl has_synced url_param(from) -m found
    acl has_synced url_param(pos) -m found
    use_backend synapse_first_sync if is_sync !has_synced
${rules.map(({ name }) => `    use_backend synapse_${name} if is_${name}`).join("\n")}
    default_backend synapse_main

${backend("main", "Everything that workers have no part in", [main], [])}
${rules.map(({ name, what, affinity, targets }) => backend(name, what, targets, balanceOf[affinity])).join("\n")}
${backend("first_sync", "First syncs, which cost most: wherever there is least to do", sync, ["balance leastconn"])}
`;
}
