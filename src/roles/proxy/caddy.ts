import { oneExpression } from "./pathPatterns";
import type { ProxyModel, ProxyOptions, ProxyRule, ProxyTarget } from "./proxyModel";

const policyOf: Readonly<Record<ProxyRule["affinity"], string>> = {
  user: "header X-Synapse-User",
  room: "header X-Synapse-Room",
  source: "ip_hash",
  none: "least_conn",
};

function upstreamOf({ at }: ProxyTarget): string {
  if ("path" in at) return `unix/${at.path}`;
  return `${at.host.includes(":") ? `[${at.host}]` : at.host}:${at.port}`;
}

interface Handled {
  readonly name: string;
  readonly what: string;
  readonly targets: readonly ProxyTarget[];
  readonly policy: string;
}

function handle({ name, what, targets, policy }: Handled): string {
  const named = name === "" ? "" : ` @${name}`;
  return `		# ${what}.
		handle${named} {
			reverse_proxy ${targets.map(upstreamOf).join(" ")} {
				lb_policy ${policy}
				import synapse
			}
		}`;
}

function matcher({ name, expressions }: ProxyRule): string {
  return `		@${name} vars_regexp {http.request.uri} \`${oneExpression(expressions)}(\\?|$)\``;
}

/** A whole Caddyfile (2.6 and newer). */
export function caddyConfig({ serverName, maxBody, rules, main }: ProxyModel, { port }: ProxyOptions): string {
  const sync = rules.find(({ name }) => name === "sync");
  const first = sync && { name: "first_sync", what: "First syncs, which cost most: wherever there is least to do", targets: sync.targets };
  return `# Reverse proxy for the Matrix homeserver ${serverName}, written by synapse-ts proxy-config caddy.
# Write it again when processes come or go, or the version of synapse-ts changes.

{
	admin off
	auto_https off
}

(synapse) {
	# A process that is away is passed over, and so is one that is frozen; what it was asked before waits for it.
	lb_try_duration 10s
	fail_duration 5s
	health_uri /health
	health_interval 1s
	header_up -X-Synapse-User
	header_up -X-Synapse-Room
	# Clients choose how long they wait for news, mostly 30 s.
	flush_interval -1
	transport http {
		dial_timeout 5s
		response_header_timeout 300s
	}
}

# For TLS: take the line "auto_https off" away, and write here the names that clients and other servers come to, such as
# ${serverName.replace(/:\d+$/, "")}, ${serverName.replace(/:\d+$/, "")}:8448 {
:${port} {
	# max_upload_size, and what the largest other request needs.
	request_body {
		max_size ${Math.ceil(maxBody)}
	}

	# In this order.
	route {
		# Processes talk to each other at listeners of their own, and metrics are not for everybody.
		@hidden path /_synapse/replication/* /_synapse/metrics
		respond @hidden 404

		# Requests of one user, or in one room, go to one process, which has in memory what they need.
		@token_in_query {
			not header Authorization *
			query access_token=*
		}
		request_header X-Synapse-User {http.request.header.Authorization}
		request_header @token_in_query X-Synapse-User {http.request.uri.query.access_token}
		request_header -X-Synapse-Room
		@in_room vars_regexp in_room {http.request.uri} \`/rooms/([^/?]+)\`
		request_header @in_room X-Synapse-Room {re.in_room.1}

${rules.map(matcher).join("\n")}
		# Only who has synced before says since when, by one of three names.
		@first_sync {
			vars_regexp {http.request.uri} \`${oneExpression(sync?.expressions ?? [])}(\\?|$)\`
			not query since=*
			not query from=*
			not query pos=*
		}

${first ? `${handle({ ...first, policy: "least_conn" })}\n` : ""}${rules.map((rule) => handle({ ...rule, policy: policyOf[rule.affinity] })).join("\n")}
${handle({ name: "", what: "Everything that workers have no part in", targets: [main], policy: "first" })}
	}
}
`;
}
