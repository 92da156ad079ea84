import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Dispatcher } from "undici";
import { SERVER_HEADER } from "../../lib/version";
import type { Choose } from "./choose";
import { answerHeaders, requestHeaders, sourceOf } from "./headers";
import type { Forwarding } from "./headers";
import type { Target } from "./target";

/** A body up to this is kept until there is an answer, so that another process can be asked. Bytes. */
const KEPT_BODY = 64 * 1024;
/** How long a client may go on sending a body that nobody wants any more. */
const LINGER_MS = 5_000;
/** The process got nothing of the request. */
const NEVER_SENT: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "ENOENT", "EAGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
/** Of which a repetition changes nothing (RFC 9110, section 9.2.2); where PUT sends something in Matrix, it has a transaction id. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
/** What processes ask each other, and what only an operator asks. */
const HIDDEN = /^\/_synapse\/(replication\/|metrics$)/;

/** A request with all that is needed to make it more than once. */
interface Asked {
  readonly response: ServerResponse;
  readonly method: string;
  readonly url: string;
  readonly headers: string[];
  readonly body: Buffer | (() => Readable) | null;
}

type Outcome = "done" | "never sent" | "unknown";

/** Has a process answer a request: the one that it belongs to, or another one where that cannot. Never rejects. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { choose, ...forwarding }: Forwarding & { readonly choose: Choose },
): Promise<void> {
  const { method = "GET", url = "/" } = request;
  if (!url.startsWith("/")) return refuse(response, { status: 400, errcode: "M_UNKNOWN", error: "The request names no path" });
  if (HIDDEN.test(url.split("?", 1)[0] ?? ""))
    return refuse(response, { status: 404, errcode: "M_UNRECOGNIZED", error: "Unrecognized request" });
  try {
    const asked: Asked = { response, method, url, headers: requestHeaders(request, forwarding), body: await bodyOf(request) };
    const wanted = { method, url, headers: request.headers, source: sourceOf(request, forwarding) };
    const tried = new Set<Target>();
    for (let target = choose(wanted, tried); target && !response.destroyed; target = choose(wanted, tried)) {
      const outcome = await ask(target, asked);
      if (outcome === "done") return;
      tried.add(target);
      if (outcome === "unknown" && !isRepeatable(asked)) break;
    }
    refuse(response, { status: 502, errcode: "M_UNKNOWN", error: "No process of this server could answer" });
  } catch {
    response.destroy();
  } finally {
    if (!request.complete) linger(request);
  }
}

const isRepeatable = ({ method, body }: Asked): boolean => REPEATABLE.has(method) && typeof body !== "function";

async function ask(target: Target, asked: Asked): Promise<Outcome> {
  const { response, method, url, headers, body } = asked;
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  const end = target.begin({ repeatable: isRepeatable(asked), abort });
  response.once("close", abort);
  try {
    const given = typeof body === "function" ? body() : body;
    const options: Dispatcher.RequestOptions = { method, path: url, headers, body: given, signal: stop.signal, responseHeaders: "raw" };
    const answer = await target.pool.request(options).catch((error: NodeJS.ErrnoException) => ({ error }));
    if ("error" in answer) {
      if (!NEVER_SENT.has(answer.error.code)) return "unknown";
      target.fall();
      return "never sent";
    }
    response.sendDate = false;
    response.writeHead(answer.statusCode, answerHeaders(answer.headers as unknown as string[]));
    await pipeline(answer.body, response);
    return "done";
  } finally {
    response.off("close", abort);
    end();
  }
}

/** A small body is taken in at once, a larger one as it is passed on. */
async function bodyOf(request: IncomingMessage): Promise<Asked["body"]> {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  if (length === undefined && encoding === undefined) return null;
  // The request outlives what reads it: a client that sends more than is wanted still gets the answer.
  const chunks = (): AsyncIterable<Buffer> => request.iterator({ destroyOnReturn: false });
  if (length === undefined || Number(length) > KEPT_BODY) return () => Readable.from(chunks(), { objectMode: false });
  const kept: Buffer[] = [];
  for await (const chunk of chunks()) kept.push(chunk);
  return Buffer.concat(kept);
}

/** Throws the rest of a body away, for a while: some clients read the answer only once they have sent all. */
function linger(request: IncomingMessage): void {
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS).unref();
  request.once("close", () => clearTimeout(timer));
}

function refuse(response: ServerResponse, { status, ...body }: { status: number; errcode: string; error: string }): void {
  if (response.destroyed || response.headersSent) return;
  const headers = { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*", Server: SERVER_HEADER };
  response.writeHead(status, headers).end(JSON.stringify(body));
}
