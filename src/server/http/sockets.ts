import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type Server as NetServer, type Socket } from "node:net";
import type { Listener } from "../../config/types.generated";
import { SERVER_HEADER } from "../../lib/version";
import type { HttpTimeouts } from "./listening";

export interface TlsFiles {
  /** PEM texts. */
  readonly certificate: string;
  readonly privateKey: string;
}

/** Something that keeps a listener from opening, in words for the operator. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** Long query strings are real: filters of /sync stand in them. In bytes. */
const MAX_HEADER = 32_768;

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** Makes an HTTP or HTTPS server with limits on how slow and how large requests may be. */
export function createServer(onRequest: RequestListener, timeouts: HttpTimeouts, tls: TlsFiles | undefined): Server {
  const options = {
    maxHeaderSize: MAX_HEADER,
    headersTimeout: timeouts.headers,
    requestTimeout: timeouts.request,
    connectionsCheckingInterval: Math.min(5_000, timeouts.headers),
    keepAliveTimeout: timeouts.keepAlive,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  };
  const server = tls
    ? createHttpsServer({ ...options, cert: tls.certificate, key: tls.privateKey, minVersion: "TLSv1.2" }, onRequest)
    : createHttpServer(options, onRequest);
  return server.on("clientError", refuse);
}

/** What is no HTTP request, or one that came too slowly, gets a last answer on a socket that has no response object. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const body = JSON.stringify({ errcode: "M_UNKNOWN", error: STATUS_CODES[status] });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nServer: ${SERVER_HEADER}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n${body}`,
  );
}

function listenOnce(server: NetServer, options: { port?: number; host?: string; path?: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";

/**
 * Opens one socket for each address of a listener; `make` gives the servers. Throws ListenError. `::` takes IPv4 too, so that
 * `0.0.0.0` beside it, as in Synapse's default, is no conflict; and on machines without IPv6 the other one is enough.
 */
export async function openSockets<S extends NetServer>(listener: Listener, make: () => S): Promise<S[]> {
  if (listener.path !== undefined) return [await openUnix(listener.path, listener.mode, make())];
  const open: S[] = [];
  const hosts = [...listener.bind_addresses].sort((a, b) => Number(b === "::") - Number(a === "::"));
  for (const host of hosts) {
    const server = make();
    try {
      await listenOnce(server, host === "" ? { port: listener.port } : { port: listener.port, host });
      open.push(server);
    } catch (error) {
      const dual = host === "0.0.0.0" && open.length > 0 && codeOf(error) === "EADDRINUSE";
      const noIpv6 = host.includes(":") && hosts.length > 1 && ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EINVAL"].includes(codeOf(error));
      if (dual || noIpv6) continue;
      for (const other of open) other.close();
      throw new ListenError(explain(error, `${host === "" ? "*" : host} port ${listener.port}`));
    }
  }
  if (open.length === 0) throw new ListenError(`cannot listen on port ${listener.port}: none of its addresses exists here`);
  return open;
}

async function openUnix<S extends NetServer>(path: string, mode: number | undefined, server: S): Promise<S> {
  try {
    if (await isStaleSocket(path)) await unlink(path);
    await listenOnce(server, { path });
    await chmod(path, mode ?? 0o666);
    return server;
  } catch (error) {
    throw new ListenError(explain(error, path));
  }
}

/** A socket file that nobody listens on, left behind by a process that was killed. */
async function isStaleSocket(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined);
  if (!stat?.isSocket()) return false;
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => resolve(false)).once("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
    probe.once("connect", () => probe.destroy());
  });
}

function explain(error: unknown, where: string): string {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "something else listens there already",
    EACCES: "permission denied (ports below 1024 need a privilege)",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "no such host",
    ENOENT: "no such directory",
  };
  return `cannot listen on ${where}: ${reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error))}`;
}
