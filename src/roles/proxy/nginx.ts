import { socketOf } from "./proxyModel";
import type { ProxyModel, ProxyOptions, ProxyRule, ProxyTarget } from "./proxyModel";

const hashOf: Readonly<Record<ProxyRule["affinity"], string | undefined>> = {
  user: "$synapse_user",
  room: "$synapse_room",
  source: "$remote_addr",
  none: undefined,
};

function serverOf({ name, at }: ProxyTarget): string {
  const address = "path" in at ? `unix:${at.path}` : `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
  return `    server ${address} max_fails=1 fail_timeout=5s; # ${name}`;
}

function upstream(name: string, targets: readonly ProxyTarget[], balance: readonly string[]): string {
  return [`upstream synapse_${name} {`, ...balance.map((line) => `    ${line}`), ...targets.map(serverOf), "    keepalive 32;", "}"].join(
    "\n",
  );
}

function ruleUpstream({ name, what, affinity, targets }: ProxyRule): string {
  const key = hashOf[affinity];
  const balance = targets.length < 2 ? [] : [key === undefined ? "least_conn;" : `hash ${key} consistent;`];
  return `# ${what}.\n${upstream(name, targets, balance)}`;
}

const mapLine = (name: string, expression: string): string => `    "~${expression}(\\?|$)" synapse_${name};`;

/** A file for the folder of nginx that is included in its `http` block, such as conf.d. */
export function nginxConfig(model: ProxyModel, options: ProxyOptions): string {
  const { rules, main } = model;
  const sync = rules.find(({ name }) => name === "sync")?.targets ?? [main];
  const leastBusy = sync.length < 2 ? [] : ["least_conn;"];
  return `# Reverse proxy for the Matrix homeserver ${model.serverName}, written by synapse-ts proxy-config nginx.
# Write it again when processes come or go, or the version of synapse-ts changes. Certificates and names of hosts are yours to fill in.

# Requests of one user, or in one room, go to one process, which has in memory what they need. Another takes over when it is away.
map $http_authorization $synapse_user {
    default $http_authorization;
    "" $arg_access_token;
}
map $request_uri $synapse_room {
    default $request_uri;
    "~/rooms/(?<synapse_room_id>[^/?]+)" $synapse_room_id;
}

# Everything that workers have no part in.
${upstream("main", [main], [])}
${rules.map(ruleUpstream).join("\n")}
# First syncs, which cost most: wherever there is least to do.
${upstream("first_sync", sync, leastBusy)}

map $request_uri $synapse_class {
    default synapse_main;
${rules.flatMap(({ name, expressions }) => expressions.map((expression) => mapLine(name, expression))).join("\n")}
}
# Only who has synced before says since when, by one of three names.
map "$synapse_class:$arg_since$arg_from$arg_pos" $synapse_upstream {
    default $synapse_class;
    "synapse_sync:" synapse_first_sync;
}

${serverBlock(model, options)}`;
}

function serverBlock({ serverName, maxBody }: ProxyModel, { port, addresses }: ProxyOptions): string {
  const host = serverName.replace(/:\d+$/, "");
  const sockets = addresses?.map((address) => socketOf(address, port)) ?? [String(port), `[::]:${port}`];
  return `server {
${sockets.map((socket) => `    listen ${socket};`).join("\n")}
    # For TLS, and for other servers, which come to port 8448 where nothing else is said:
    # listen 443 ssl;
    # listen [::]:443 ssl;
    # listen 8448 ssl;
    # listen [::]:8448 ssl;
    # ssl_certificate /etc/letsencrypt/live/${host}/fullchain.pem;
    # ssl_certificate_key /etc/letsencrypt/live/${host}/privkey.pem;
    server_name ${host};

    # max_upload_size, and what the largest other request needs.
    client_max_body_size ${Math.ceil(maxBody / 1024 / 1024)}m;

    # Processes talk to each other at listeners of their own, and metrics are not for everybody.
    location /_synapse/replication/ {
        return 404;
    }
    location /_synapse/metrics {
        return 404;
    }

    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host:$server_port;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    # A process that is away is passed over. Whether one is frozen nginx cannot ask, and hears only of what it answers too late: run processes
    # so that those are ended (WatchdogSec of systemd), or use a proxy that asks (haproxy, caddy).
    proxy_connect_timeout 5s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 3;

    location / {
        proxy_pass http://$synapse_upstream;
        # Clients choose how long they wait for news, mostly 30 s.
        proxy_read_timeout 300s;
        # Files go through as they come.
        proxy_request_buffering off;
        proxy_max_temp_file_size 0;
    }

    # Done at once, or a process is frozen: then another one is asked, where a repetition changes nothing. Longer than it takes to find
    # another writer for one that died.
    location ~ ^/_matrix/client/[^/]+/(rooms/[^/]+/(send|state|redact|typing|receipt|read_markers)(/|$)|sendToDevice/|user/[^/]+/account_data/) {
        proxy_pass http://$synapse_upstream;
        proxy_read_timeout 12s;
    }
}
`;
}
