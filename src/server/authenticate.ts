import { createHash, timingSafeEqual } from "node:crypto";
import { MatrixError } from "../errors";
import type { ClientAuthenticator } from "../handlers/auth/authenticate";
import type { AuthMode, Authenticate, HttpRequest, ServerRequester } from "../handlers/request";
import type { JsonValue } from "../lib/json";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Calls between processes carry `worker_replication_secret`, where there is one. */
function checkReplication(request: HttpRequest, secret: string | undefined): void {
  if (secret === undefined) return;
  const given = request.headers.authorization ?? "";
  if (!timingSafeEqual(digest(given), digest(`Bearer ${secret}`)))
    throw new MatrixError(401, "M_UNAUTHORIZED", "Invalid replication secret");
}

export interface Authenticators {
  readonly clients: ClientAuthenticator;
  readonly servers: (request: HttpRequest, content: JsonValue | undefined) => Promise<ServerRequester>;
  readonly replicationSecret: string | undefined;
}

/** Authentication of every kind of route. */
export function createAuthenticate({ clients, servers, replicationSecret }: Authenticators): Authenticate {
  const authenticate = (request: HttpRequest, mode: AuthMode, { allow, content }: Parameters<Authenticate>[2]): unknown => {
    switch (mode) {
      case "none":
        return undefined;
      case "replication":
        return checkReplication(request, replicationSecret);
      case "federation":
        return servers(request, content);
      default:
        return clients.authenticate(request, mode, allow);
    }
  };
  return authenticate as Authenticate;
}
