import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";
import type { Config } from "../config/config";
import { canonicalJson } from "../lib/canonicalJson";
import { isJsonObject } from "../lib/json";
import type { JsonObject, JsonValue } from "../lib/json";
import { parseLosslessJson } from "../lib/jsonLossless";
import { JsonText } from "../lib/jsonText";
import { Patience } from "../lib/patience";
import type { Random } from "../lib/random";
import type { Logger } from "../observe/logger";
import type { SigningKey } from "../rooms/event";
import type { Backoff, FederationClient, FederationRequestOptions, FederationStream } from "./federation";
import { readBytes } from "./federationConnections";
import type { Connections } from "./federationConnections";
import type { Target } from "./federationDiscovery";
import { MAX_LARGE_BYTES, readLarge } from "./largeAnswer";
import type { ElementSink } from "./largeAnswer";
import { BackingOffError, FederationDeniedError, FederationError, ServerUnreachableError } from "./federationErrors";

export interface FederationClientDeps {
  readonly config: Pick<Config, "federation">;
  readonly serverName: string;
  readonly signingKey: SigningKey;
  readonly connections: Connections;
  readonly discover: (serverName: string) => Promise<readonly Target[]>;
  readonly backoff: Backoff;
  readonly allowed: (serverName: string) => boolean;
  readonly random: Pick<Random, "fraction">;
  readonly userAgent: string;
  readonly log: Logger;
}

interface Message {
  /** JSON unless given. */
  readonly accept?: string;
  /** Sent without a signature. */
  readonly unsigned?: true;
  readonly method: "GET" | "PUT" | "POST";
  readonly destination: string;
  readonly path: string;
  /** Canonical JSON. */
  readonly content: string | undefined;
}

/** Of answers that ask for no more: a hundred events of the largest size fit in. They are parsed in one turn of the event loop. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Of a failure, where the answer itself is streamed. */
const MAX_ERROR_BYTES = 64 * 1024;
/** The body of an answer may take so many times as long as its beginning. */
const BODY_FACTOR = 5;

/** What a request's signature covers (server-server API, "Request Authentication"). content: canonical JSON. */
export function requestText(request: {
  method: string;
  uri: string;
  origin: string;
  destination: string | undefined;
  content: string | undefined;
}): string {
  const { method, uri, origin, destination, content } = request;
  const rest = canonicalJson({ destination, method, origin, uri });
  return content === undefined ? rest : `{"content":${content},${rest.slice(1)}`;
}

/** Creates `app.federation.client`. */
export function createFederationClient(deps: FederationClientDeps): FederationClient {
  const { serverName, allowed, backoff } = deps;

  const send = (message: Message, options: FederationRequestOptions): Promise<JsonObject> =>
    whileAlive(message.destination, options, () => withRetries(deps, message, options));

  /** Asks nobody who is left alone for a while, and notes who answers. */
  async function whileAlive<T>(destination: string, options: FederationRequestOptions, work: () => Promise<T>): Promise<T> {
    if (!allowed(destination)) throw new FederationDeniedError(destination);
    if (destination === serverName) throw new ServerUnreachableError(destination, "it is this server");
    const retryAt = options.ignoreBackoff ? undefined : await backoff.retryAt(destination);
    if (retryAt !== undefined) throw new BackingOffError(destination, retryAt);
    try {
      const answer = await work();
      await backoff.alive(destination);
      return answer;
    } catch (error) {
      if (!countsAsFailure(error)) await backoff.alive(destination);
      else if (!options.ignoreBackoff) await backoff.failed(destination);
      throw error;
    }
  }

  const contentOf = (body: JsonObject | JsonText): string => (body instanceof JsonText ? body.text : canonicalJson(body));
  return {
    get: (destination, path, options = {}) =>
      send({ method: "GET", destination, path: withQuery(path, options), content: undefined }, options),
    put: (destination, path, body, options = {}) =>
      send({ method: "PUT", destination, path: withQuery(path, options), content: contentOf(body) }, options),
    post: (destination, path, body, options = {}) =>
      send({ method: "POST", destination, path: withQuery(path, options), content: contentOf(body) }, options),
    open: (destination, path, options) => {
      const unsigned = options.signature === "unsigned" && ({ unsigned: true } as const);
      const message: Message = {
        method: "GET",
        destination,
        path: withQuery(path, options),
        content: undefined,
        accept: "*/*",
        ...unsigned,
      };
      return whileAlive(destination, options, () => openOnce(deps, message, options));
    },
    close: () => deps.connections.close(),
  };
}

async function openOnce(deps: FederationClientDeps, message: Message, options: FederationRequestOptions): Promise<FederationStream> {
  return reported(deps, message, async () => {
    const targets = await deps.discover(message.destination);
    const answer = await toFirstReachable(deps, targets, message, options);
    const { statusCode: status, headers, body } = answer;
    if (status < 200 || status >= 400) await readAnswer(message.destination, answer, { maxBytes: MAX_ERROR_BYTES, ...options });
    const header = (name: string): string | undefined => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { status, header, body };
  });
}

function withQuery(path: string, { query }: FederationRequestOptions): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (typeof value === "object" ? value : value === undefined ? [] : [value]).map(
      (item) => `${encodeURIComponent(name)}=${encodeURIComponent(item)}`,
    ),
  );
  return pairs.length === 0 ? path : `${path}${path.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}

/** 401: it no longer takes our signature; 429: it wants to be left alone. Other refusals are the answers of a working server. */
function countsAsFailure(error: unknown): boolean {
  return !(error instanceof FederationError) || error.status >= 500 || error.status === 401 || error.status === 429;
}

async function withRetries(deps: FederationClientDeps, message: Message, options: FederationRequestOptions): Promise<JsonObject> {
  const { retries = "short" } = options;
  const tuning = deps.config.federation;
  const times = { none: 0, short: tuning.max_short_retries, long: tuning.max_long_retries }[retries];
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptOnce(deps, message, options);
    } catch (error) {
      const worthwhile = !(error instanceof FederationError) || error.status >= 500 || error.status === 429;
      if (attempt >= times || !worthwhile || options.elements?.hasBegun) throw error;
      const delay =
        retries === "long"
          ? Math.min(4_000 * 4 ** attempt, tuning.max_long_retry_delay)
          : Math.min(500 * 2 ** attempt, tuning.max_short_retry_delay);
      await sleep(delay * (0.8 + 0.6 * deps.random.fraction()), undefined, { ref: false });
    }
  }
}

async function attemptOnce(deps: FederationClientDeps, message: Message, options: FederationRequestOptions): Promise<JsonObject> {
  const { destination } = message;
  return reported(deps, message, async () => {
    const targets = await deps.discover(destination);
    const { elements } = options;
    if (!elements) return readAnswer(destination, await toFirstReachable(deps, targets, message, options), options);
    // What we do with the elements is not the other server's time.
    const patience = new Patience(totalOf(deps, options));
    const answer = await toFirstReachable(deps, targets, message, options, patience.signal);
    const take: ElementSink["take"] = (array, taken) => patience.during(() => elements.take(array, taken));
    return readAnswer(destination, answer, { ...options, elements: { arrays: elements.arrays, take } });
  });
}

/** Logs a failure and gives it its class. */
async function reported<T>(deps: FederationClientDeps, { method, destination, path }: Message, work: () => Promise<T>): Promise<T> {
  const name = `${method} ${destination}${path}`;
  try {
    return await work();
  } catch (error) {
    if (error instanceof FederationError) {
      deps.log.info(() => `${name}: ${error.status} ${error.errcode}`);
      throw error;
    }
    const reason = reasonOf(error);
    deps.log.info(() => `${name}: ${reason}`);
    throw new ServerUnreachableError(destination, reason);
  }
}

async function toFirstReachable(
  deps: FederationClientDeps,
  targets: readonly Target[],
  message: Message,
  options: FederationRequestOptions,
  signal?: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let failure: unknown = new Error("it has no address");
  for (const target of targets) {
    try {
      return await dispatch(deps, target, message, options, signal);
    } catch (error) {
      failure = error;
      if (!isConnectError(error)) throw error;
    }
  }
  throw failure;
}

/** Nothing was sent yet: another address may be tried at once. */
function isConnectError(error: unknown): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"].includes(code);
}

async function dispatch(
  deps: FederationClientDeps,
  target: Target,
  message: Message,
  options: FederationRequestOptions,
  signal = AbortSignal.timeout(totalOf(deps, options)),
): Promise<Dispatcher.ResponseData> {
  const { method, path, content } = message;
  const timeout = options.timeoutMs ?? deps.config.federation.client_timeout;
  return deps.connections.to(target).request({
    method,
    path,
    headers: {
      host: target.hostHeader,
      "user-agent": deps.userAgent,
      accept: message.accept ?? "application/json",
      ...(!message.unsigned && { authorization: authorizationOf(deps, message) }),
      ...(content !== undefined && { "content-type": "application/json" }),
    },
    body: content ?? null,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    signal,
  });
}

const totalOf = ({ config }: FederationClientDeps, { totalMs, timeoutMs }: FederationRequestOptions): number =>
  totalMs ?? (timeoutMs ?? config.federation.client_timeout) * BODY_FACTOR;

/** Old Synapses want the origin first and no space behind commas. */
function authorizationOf({ serverName, signingKey }: FederationClientDeps, { method, path, destination, content }: Message): string {
  const signature = signingKey.sign(requestText({ method, uri: path, origin: serverName, destination, content }));
  return `X-Matrix origin="${serverName}",key="${signingKey.keyId}",sig="${signature}",destination="${destination}"`;
}

async function readAnswer(
  destination: string,
  { statusCode, body }: Dispatcher.ResponseData,
  { elements, maxBytes }: { readonly elements?: Pick<ElementSink, "arrays" | "take">; readonly maxBytes?: number },
): Promise<JsonObject> {
  const pieces = body as AsyncIterable<Buffer>;
  const failed = statusCode < 200 || statusCode >= 300;
  let value: JsonValue | undefined;
  try {
    if (elements && !failed) value = await readLarge(pieces, elements, maxBytes ?? MAX_LARGE_BYTES);
    else value = parseLosslessJson(await readBytes(pieces, maxBytes ?? MAX_ANSWER_BYTES));
  } catch (error) {
    if (!failed) throw error;
  }
  if (failed) throw new FederationError(destination, statusCode, isJsonObject(value) ? value : undefined);
  const object = Array.isArray(value) ? value[1] : value;
  if (!isJsonObject(object)) throw new Error("the answer is not a JSON object");
  return object;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
