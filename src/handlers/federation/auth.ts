import { MatrixError } from "../../errors";
import { isServerName } from "../../config/checks";
import { canonicalJson } from "../../lib/canonicalJson";
import type { JsonValue } from "../../lib/json";
import { requestText } from "../../remote/federationClient";
import { FederationDeniedError } from "../../remote/federationErrors";
import type { App } from "../app";
import type { HttpRequest, ServerRequester } from "../request";

export type FederationAuthApp = Pick<App, "federation" | "serverName" | "clock">;

/** What one `Authorization: X-Matrix` header says. */
export interface XMatrix {
  readonly origin: string;
  /** Absent from servers older than 2022. */
  readonly destination: string | undefined;
  readonly keyId: string;
  readonly signature: string;
}

const unauthorized = (message: string): MatrixError => new MatrixError(401, "M_UNAUTHORIZED", message);

/**
 * Finds out which server sends a request (server-server API, "Request Authentication"). Throws 401 M_UNAUTHORIZED for missing and wrong
 * signatures, 400 for headers that cannot be read, 403 for servers that we don't talk to.
 */
export async function authenticateServer(
  app: FederationAuthApp,
  request: HttpRequest,
  content: JsonValue | undefined,
): Promise<ServerRequester> {
  const headers = authorizationHeaders(request);
  if (headers.length === 0) throw unauthorized("Missing Authorization headers");
  const claims = headers.map(parseXMatrix);
  const [first] = claims;
  const origin = first?.origin;
  if (origin === undefined || claims.some((claim) => claim.origin !== origin))
    throw unauthorized("Authorization headers of different servers");
  if (!isServerName(origin)) throw new MatrixError(400, "M_UNKNOWN", `Invalid server name ${JSON.stringify(origin)}`);
  if (!app.federation.allowed(origin)) throw new FederationDeniedError(origin);
  for (const { destination } of claims) {
    if (destination !== undefined && destination !== app.serverName) throw unauthorized("Destination mismatch in auth header");
  }
  // A server may sign with several keys; one that can be checked is enough.
  for (const claim of claims) {
    if (!(await isProven(app, claim, request, content))) continue;
    // Whoever asks is there: what waits for that server may be sent.
    app.federation.backoff.alive(origin).catch(() => undefined);
    return { origin };
  }
  throw unauthorized(`Invalid signature for server ${origin} with key ${first?.keyId}`);
}

async function isProven(
  { federation, clock }: FederationAuthApp,
  claim: XMatrix,
  request: HttpRequest,
  content: JsonValue | undefined,
): Promise<boolean> {
  const key = await federation.keys.get(claim.origin, claim.keyId, clock.now());
  if (!key) return false;
  const { method, url: uri } = request;
  const { origin, destination, signature } = claim;
  return key.verifies(
    requestText({ method, uri, origin, destination, content: content === undefined ? undefined : canonicalJson(content) }),
    signature,
  );
}

/** Node joins headers of the same name except this one, of which it keeps the first. */
function authorizationHeaders({ raw }: HttpRequest): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < raw.rawHeaders.length; i += 2) {
    const value = raw.rawHeaders[i + 1];
    if (raw.rawHeaders[i]?.toLowerCase() === "authorization" && value !== undefined && /^X-Matrix\s/i.test(value)) values.push(value);
  }
  return values;
}

const PARAMETER = /\s*,*\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*/y;

/** Reads the parameters (RFC 9110): in any order, quoted or not, names in any case. Throws 400. */
export function parseXMatrix(header: string): XMatrix {
  const text = header.replace(/^X-Matrix\s+/i, "");
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  for (let at = 0; at < text.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(text);
    if (!match?.[1]) throw malformed();
    parameters.set(match[1].toLowerCase(), match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "");
  }
  const [origin, keyId, signature] = [parameters.get("origin"), parameters.get("key"), parameters.get("sig")];
  if (!origin || !keyId || !signature) throw malformed();
  return { origin, keyId, signature, destination: parameters.get("destination") };
}

const malformed = (): MatrixError => new MatrixError(400, "M_UNAUTHORIZED", "Malformed Authorization header");
