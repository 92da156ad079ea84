import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";
import { type ByteSource, isByteSource } from "../../lib/byteSource";
import { SERVER_HEADER } from "../../lib/version";
import { jsonChunks, writeJson } from "../../lib/writeJson";
import { Reply, type ReplyBody } from "../../rest/reply";
import { CLIENT_LEFT, ClientLeftError } from "./body";
import type { Exchange } from "./exchange";

const gzipAsync = promisify(gzip);

/** Longer JSON is written in slices. In characters. */
const SLICE_ABOVE = 1_000_000;
const SLICE = 65_536;
/** Shorter answers gain nothing by compression. In bytes. */
const COMPRESS_ABOVE = 1024;

const CORS = [
  "Access-Control-Allow-Origin",
  "*",
  "Access-Control-Allow-Methods",
  "GET, HEAD, POST, PUT, DELETE, OPTIONS",
  "Access-Control-Allow-Headers",
  "X-Requested-With, Content-Type, Authorization, Date",
  "Access-Control-Expose-Headers",
  "Synapse-Trace-Id, Server",
];
const BASE = ["Server", SERVER_HEADER, ...CORS];
const JSON_HEADERS = [
  "Server",
  SERVER_HEADER,
  "Content-Type",
  "application/json",
  "Cache-Control",
  "no-cache, no-store, must-revalidate",
  ...CORS,
];

/** For other processes of this server: no browser and no cache is between. */
const REPLICATION_HEADERS = ["Content-Type", "application/json"];

type Headers = readonly string[];

/** The answer to OPTIONS at any path: CORS, for the browser's preflight request. */
export function sendOptions(exchange: Exchange): void {
  exchange.status = 204;
  exchange.handled = exchange.listening.clock.monotonic();
  writeHead(exchange, BASE, undefined);
  exchange.res.end();
}

/** Sends what a handler answered. Rejects when a stream fails, or the client leaves while it is written. */
export async function send(exchange: Exchange, answer: unknown, group = ""): Promise<void> {
  const { clock } = exchange.listening;
  exchange.handled = clock.monotonic();
  if (exchange.closed) {
    if (answer instanceof Reply && isByteSource(answer.body)) answer.body.destroy();
    return;
  }
  if (answer instanceof Reply) {
    exchange.status = answer.status;
    return sendBody(exchange, answer.body, replyHeaders(answer), group);
  }
  exchange.status = 200;
  const sending = sendJson(exchange, answer ?? {}, group === "replication" ? REPLICATION_HEADERS : JSON_HEADERS, group);
  exchange.cpuMs += clock.monotonic() - exchange.handled;
  return sending;
}

/** What every answer carries, with a reply's own headers over it. */
function replyHeaders(answer: Reply): Headers {
  const isJson = typeof answer.body === "object" && !isByteSource(answer.body) && !Buffer.isBuffer(answer.body);
  const base = isJson ? JSON_HEADERS : BASE;
  const own = Object.entries(answer.headers);
  if (own.length === 0) return base;
  const replaced = new Set(own.map(([name]) => name.toLowerCase()));
  const headers: string[] = [];
  for (let i = 0; i < base.length; i += 2) {
    const name = base[i] ?? "";
    if (!replaced.has(name.toLowerCase())) headers.push(name, base[i + 1] ?? "");
  }
  for (const [name, value] of own) {
    if (value === undefined) continue;
    for (const single of typeof value === "string" ? [value] : value) headers.push(name, single);
  }
  return headers;
}

function sendBody(exchange: Exchange, body: ReplyBody, headers: Headers, group: string): Promise<void> | void {
  if (isByteSource(body)) return sendSource(exchange, body, headers);
  if (typeof body === "string") return sendBytes(exchange, Buffer.from(body), headers, group);
  if (Buffer.isBuffer(body)) return sendBytes(exchange, body, headers, group);
  if (body !== undefined) return sendJson(exchange, body, headers, group);
  writeHead(exchange, headers, exchange.status === 204 || exchange.status === 304 ? undefined : 0);
  exchange.res.end();
}

function sendJson(exchange: Exchange, value: unknown, headers: Headers, group: string): Promise<void> | void {
  const text = writeJson(value, SLICE_ABOVE);
  if (text === undefined) return sendSliced(exchange, value, headers, group);
  if (text.length > COMPRESS_ABOVE && mayCompress(exchange, group)) return sendBytes(exchange, Buffer.from(text), headers, group);
  exchange.bytes = Buffer.byteLength(text);
  writeHead(exchange, headers, exchange.bytes);
  // As text: Node then sends header and body in one write.
  exchange.res.end(text);
}

function sendBytes(exchange: Exchange, bytes: Buffer, headers: Headers, group: string): Promise<void> | void {
  if (bytes.length > COMPRESS_ABOVE && mayCompress(exchange, group)) return sendCompressed(exchange, bytes, headers);
  exchange.bytes = bytes.length;
  writeHead(exchange, headers, bytes.length);
  exchange.res.end(bytes);
}

function mayCompress({ listening, headers }: Exchange, group: string): boolean {
  return listening.compressed.has(group) && /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(headers["accept-encoding"] ?? ""));
}

const compressedHeaders = (headers: Headers): Headers => [...headers, "Content-Encoding", "gzip", "Vary", "Accept-Encoding"];

async function sendCompressed(exchange: Exchange, bytes: Buffer, headers: Headers): Promise<void> {
  const compressed = await gzipAsync(bytes, { level: 5 });
  if (exchange.closed) return;
  exchange.bytes = compressed.length;
  writeHead(exchange, compressedHeaders(headers), compressed.length);
  exchange.res.end(compressed);
}

/** Without Content-Length; other requests get their turn between the slices, and a slow client makes the writer wait. */
async function sendSliced(exchange: Exchange, value: unknown, headers: Headers, group: string): Promise<void> {
  const compress = mayCompress(exchange, group);
  writeHead(exchange, compress ? compressedHeaders(headers) : headers, undefined);
  if (exchange.method === "HEAD") return void exchange.res.end();
  const slices = Readable.from(inTurns(exchange, value), { objectMode: false, highWaterMark: SLICE });
  if (compress) await pipeline(slices, createGzip({ level: 5 }), exchange.res);
  else await pipeline(slices, exchange.res);
}

async function* inTurns(exchange: Exchange, value: unknown): AsyncGenerator<Buffer> {
  for (const chunk of jsonChunks(value, SLICE)) {
    const bytes = Buffer.from(chunk);
    exchange.bytes += bytes.length;
    yield bytes;
    await setImmediate();
  }
}

/** The length is known only to the reply, which says Content-Length itself where it can. */
async function sendSource(exchange: Exchange, source: ByteSource, headers: Headers): Promise<void> {
  try {
    writeHead(exchange, headers, undefined);
    if (exchange.method !== "HEAD") {
      for await (const chunk of source) {
        await written(exchange, chunk);
        exchange.bytes += chunk.byteLength;
      }
    }
    exchange.res.end();
  } finally {
    // What was not begun does not notice that nobody reads it.
    source.destroy();
  }
}

/** Until nobody needs the chunk any more. Rejects when the client leaves. */
function written({ res }: Exchange, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = (cause?: Error): void => reject(new ClientLeftError(CLIENT_LEFT, { cause }));
    const closed = (): void => left();
    if (res.destroyed) return left();
    res.once("close", closed);
    res.write(chunk, (error) => {
      res.off("close", closed);
      if (error) left(error);
      else resolve();
    });
  });
}

function writeHead(exchange: Exchange, headers: Headers, length: number | undefined): void {
  const all = [...headers];
  if (length !== undefined) all.push("Content-Length", String(length));
  if (exchange.listening.isClosing()) all.push("Connection", "close");
  exchange.res.writeHead(exchange.status, all);
}
