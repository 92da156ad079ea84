import type { IncomingMessage, ServerResponse } from "node:http";
import { unrecognized } from "../../errors";
import type { AuthMode, RequesterOf } from "../../handlers/request";
import type { JsonValue } from "../../lib/json";
import { logRequest } from "../../observe/accessLog";
import { newContext, runInContext } from "../../observe/context";
import { asksOfStreams } from "../../rest/resources";
import type { CompiledRoute } from "../../rest/router";
import { ClientLeftError } from "./body";
import { checkedBody, checkedParams, checkedQuery } from "./checks";
import { answerOf } from "./errors";
import { Exchange } from "./exchange";
import type { Listening } from "./listening";
import { send, sendOptions } from "./send";
import { clientIsThere } from "./standstill";

/** Makes the function that Node calls for each request of a listener. */
export function createRequestListener(listening: Listening): (raw: IncomingMessage, res: ServerResponse) => void {
  return (raw, res) => {
    const exchange = new Exchange(listening, raw, res);
    res.on("close", () => finish(exchange));
    begin(exchange);
    exchange.cpuMs += listening.clock.monotonic() - exchange.begin;
  };
}

function begin(exchange: Exchange): void {
  const { listening, method, path } = exchange;
  if (method === "OPTIONS") {
    started(exchange);
    return sendOptions(exchange);
  }
  const match = listening.router.match(method, path);
  if (match.kind === "found") {
    const { compiled, segments } = match;
    exchange.context = newContext(exchange.id, compiled.route.definition.servlet);
    started(exchange);
    void runInContext(exchange.context, () => serve(exchange, compiled, segments));
    return;
  }
  started(exchange);
  if (match.kind === "unknown" && listening.pages && isPage(path)) listening.pages(exchange.raw, exchange.res);
  else void send(exchange, answerOf(exchange, unrecognized(match.kind === "unknown" ? 404 : 405)));
}

/** What is under the APIs' prefixes has an answer in JSON, even if it does not exist. */
function isPage(path: string): boolean {
  return path.startsWith("/_matrix/static/") || !/^\/_(matrix|synapse)(\/|$)/.test(path);
}

function started(exchange: Exchange): void {
  const { metrics, tag } = exchange.listening;
  exchange.meter = metrics.started(exchange.method, exchange.context.servlet, tag);
}

/** Never rejects. */
async function serve(exchange: Exchange, compiled: CompiledRoute, segments: readonly string[]): Promise<void> {
  const { attention, freshness } = exchange.listening.app;
  const { auth, readOnly = exchange.method === "GET" || exchange.method === "HEAD" } = compiled.route.definition;
  let answer: unknown;
  try {
    const attentive = asksOfStreams(compiled.group) ? attention.pay() : undefined;
    if (attentive) await attentive;
    // Calls between processes carry positions of their own.
    if (freshness && auth !== "replication") await freshness.listened();
    answer = await run(exchange, compiled, segments);
    if (freshness && auth !== "replication" && !readOnly) await freshness.told();
  } catch (error) {
    answer = answerOf(exchange, error);
  }
  try {
    await send(exchange, answer, compiled.group);
  } catch (error) {
    if (exchange.left || error instanceof ClientLeftError) return;
    if (!exchange.res.headersSent) return void send(exchange, answerOf(exchange, error));
    exchange.listening.log.error(`Failed to send the answer of ${exchange.context.servlet}`, { error });
    exchange.res.destroy();
  }
}

/** The order matters: nobody's body is read before it is known whose it is, except where the signature covers it. */
async function run(exchange: Exchange, compiled: CompiledRoute, segments: readonly string[]): Promise<unknown> {
  const { definition } = compiled.route;
  const { app } = exchange.listening;
  const bodyFirst = definition.auth === "federation" && exchange.headers.authorization !== undefined;
  let body = bodyFirst ? await checkedBody(exchange, compiled) : undefined;
  let requester: RequesterOf[AuthMode];
  if (definition.auth !== "none") {
    const options = { allow: definition.allow ?? [], content: body as JsonValue | undefined };
    const found = app.auth.authenticate(exchange, definition.auth, options);
    requester = found instanceof Promise ? await found : found;
    exchange.context.requester = nameOf(requester);
  }
  const params = checkedParams(compiled, segments);
  const limited = definition.limit?.({ app, requester, request: exchange });
  if (limited instanceof Promise) await limited;
  const query = checkedQuery(exchange, definition.query);
  if (definition.body && !bodyFirst) body = await checkedBody(exchange, compiled);
  const there = clientIsThere(exchange);
  if (there) await there;
  const handle = (): unknown => definition.handle({ app, requester, params, query, body, request: exchange });
  if (!requester || !("origin" in requester) || definition.ownPace) return handle();
  return app.inFlight.pace.run(requester.origin, async () => handle());
}

function nameOf(requester: RequesterOf[AuthMode]): string | undefined {
  if (!requester) return undefined;
  if ("origin" in requester) return requester.origin;
  const { userId, authenticatedEntity } = requester;
  return authenticatedEntity === userId ? userId : `${authenticatedEntity}|${userId}`;
}

/** Called when the answer is complete, or the client gone. */
function finish(exchange: Exchange): void {
  exchange.onClose();
  const { listening, context, method, url, userAgent, ip, left, cpuMs, bytes, raw } = exchange;
  const { tag } = listening;
  const now = listening.clock.monotonic();
  const handled = exchange.handled || now;
  // A client that gives up before there is an answer: nginx's status for it, and Synapse's.
  const status = exchange.status || (left ? 499 : exchange.res.statusCode);
  exchange.meter?.finished({ context, status, totalMs: now - exchange.begin, cpuMs, bytes });
  const handleMs = handled - exchange.begin;
  const { httpVersion } = raw;
  const line = {
    context,
    ip,
    tag,
    method,
    url,
    httpVersion,
    userAgent,
    status,
    clientLeft: left,
    bytes,
    handleMs,
    sendMs: now - handled,
    cpuMs,
  };
  runInContext(context, () => logRequest(listening.accessLog, line));
  if (!raw.complete && !left) endLingering(raw, listening.timeouts.linger);
}

/** A client may go on sending a body that nobody reads, but not forever. */
function endLingering(raw: IncomingMessage, lingerMs: number): void {
  const { socket } = raw;
  raw.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  raw.once("close", () => clearTimeout(timer));
}
