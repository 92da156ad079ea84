import { resolveSrv } from "node:dns/promises";
import type { Config } from "../config/config";
import type { Clock } from "../lib/clock";
import type { Random } from "../lib/random";
import { VERSION } from "../lib/version";
import type { LoggerFactory } from "../observe/logger";
import type { SharedCaches } from "../replication/sharedCache";
import type { SigningKey } from "../rooms/event";
import type { Db } from "../storage/db";
import type { Federation } from "./federation";
import { createBackoff } from "./federationBackoff";
import { createFederationClient } from "./federationClient";
import { createConnections } from "./federationConnections";
import { discover } from "./federationDiscovery";
import { createWellKnown } from "./federationWellKnown";
import { createVerifyKeys } from "./serverKeys";

export interface FederationDeps {
  readonly config: Config;
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LoggerFactory;
  readonly sharedCaches: SharedCaches;
}

/** Puts together what talks to other servers. Opens no connection before it is asked to. */
export function createFederation(deps: FederationDeps): Federation {
  const { config, serverName, signingKey, db, clock, random, log, sharedCaches } = deps;
  const whitelist = config.federation_domain_whitelist && new Set(config.federation_domain_whitelist);
  const allowed = (name: string): boolean => whitelist === undefined || name === serverName || whitelist.has(name);
  const userAgent = `synapse-ts/${VERSION}${config.user_agent_suffix === undefined ? "" : `; ${config.user_agent_suffix}`}`;
  const connections = createConnections(config, userAgent);
  const wellKnown = createWellKnown({ clock, random, fetch: connections.fetchWellKnown, shared: sharedCaches.named("well_known") });
  const backoff = createBackoff({ config, db, clock, random });
  const client = createFederationClient({
    config,
    serverName,
    signingKey,
    connections,
    discover: (name) => discover({ resolveSrv, wellKnown, fraction: random.fraction }, name),
    backoff,
    allowed,
    random,
    userAgent,
    log: log("synapse.http.matrixfederationclient"),
  });
  const keys = createVerifyKeys({ config, serverName, client, db, clock, allowed, log: log("synapse.crypto.keyring") });
  return { client, keys, backoff, allowed };
}
