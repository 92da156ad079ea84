import type { IncomingMessage, Server } from "node:http";
import type { Server as HttpsServer } from "node:https";
import { createServer as createNetServer, type AddressInfo, type Server as NetServer } from "node:net";
import type { Listener } from "../../config/types.generated";
import type { App } from "../../handlers/app";
import { createFreeMemory, type FreeMemory } from "../../lib/freeMemory";
import type { EventLoopMonitor } from "../../observe/eventLoop";
import { createHttpMetrics, type HttpMetrics } from "../../observe/httpMetrics";
import type { LoggerFactory } from "../../observe/logger";
import type { Metrics } from "../../observe/metrics";
import { healthRoutes } from "../../rest/ops/health";
import { metricsEverywhere, metricsRoutes } from "../../rest/ops/metrics";
import { compressedGroups, groupsOf, hasPages } from "../../rest/resources";
import type { RouteGroup } from "../../rest/route";
import { compileRoutes } from "../../rest/router";
import { BodyBudget } from "./body";
import { DEFAULT_TIMEOUTS, type HttpTimeouts, type Listening } from "./listening";
import { createPages } from "./pages";
import { createRequestListener } from "./serve";
import { createServer, openSockets, type TlsFiles } from "./sockets";

export interface ListenersOptions {
  readonly app: App;
  readonly listeners: readonly Listener[];
  /** What this process serves; each listener takes what its resources ask for. Health and metrics are added here. */
  readonly groups: readonly RouteGroup[];
  readonly log: LoggerFactory;
  readonly metrics: Metrics;
  readonly timeouts?: HttpTimeouts;
  /** Says when this process went on after a standstill; absent where it is of no interest. */
  readonly eventLoop?: Pick<EventLoopMonitor, "wokeAt">;
}

export interface HttpListeners {
  /** Opens all sockets. Throws ListenError with one clear line; then none is open. */
  open(): Promise<void>;
  /** Where it listens: `http://127.0.0.1:8008`, or the path of a unix socket. */
  addresses(): string[];
  /** Stops accepting, lets requests finish for so many ms, then cuts what is left. */
  close(graceMs: number): Promise<void>;
  /** Takes a new certificate; connections that are open keep the old one. */
  reloadTls(tls: TlsFiles): void;
}

/** Memory for bodies that are being received. Bytes. */
const BODY_BUDGET = 512 * 1024 * 1024;

/** Creates the HTTP side of a process from Synapse's listener configuration. */
export function createListeners(options: ListenersOptions): HttpListeners {
  const { app, listeners, log } = options;
  const state = { closing: false };
  const servers: { server: Server | HttpsServer; tls: boolean }[] = [];
  const banners: NetServer[] = [];
  const shared = {
    http: createHttpMetrics(options.metrics),
    budget: new BodyBudget(BODY_BUDGET),
    freeMemory: createFreeMemory(),
    nextId: counter(),
  };

  async function openOne(listener: Listener): Promise<void> {
    // That of the bus (server/deployment).
    if (listener.type === "replication") return;
    if (listener.type === "manhole") return void banners.push(...(await openSockets(listener, createBanner)));
    if (listener.type === "metrics" && !app.config.enable_metrics) {
      return log("synapse.app").warn("Metrics listener configured, but enable_metrics is not True!");
    }
    const tls = listener.tls ? app.config.derived.tls : undefined;
    const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
    const onRequest = createRequestListener(listeningOf(options, listener, { ...shared, timeouts, isClosing: () => state.closing }));
    const opened = await openSockets(listener, () => createServer(onRequest, timeouts, tls));
    servers.push(...opened.map((server) => ({ server, tls: listener.tls })));
    log("synapse.app").info(`Synapse now listening on ${listener.path ?? `TCP port ${listener.port}`}`);
  }

  async function close(graceMs: number): Promise<void> {
    state.closing = true;
    for (const banner of banners) banner.close();
    // A connection that is idle between requests would keep the server open until its client leaves.
    const sweep = setInterval(() => servers.forEach(({ server }) => server.closeIdleConnections()), 50);
    const cut = setTimeout(() => servers.forEach(({ server }) => server.closeAllConnections()), graceMs);
    await Promise.all(servers.map(({ server }) => new Promise((resolve) => server.close(resolve))));
    clearInterval(sweep);
    clearTimeout(cut);
  }

  return {
    async open() {
      try {
        for (const listener of listeners) await openOne(listener);
      } catch (error) {
        await close(0);
        throw error;
      }
    },
    addresses: () => servers.map(({ server, tls }) => addressText(server.address(), tls)),
    close,
    reloadTls({ certificate, privateKey }) {
      for (const { server, tls } of servers) {
        if (tls && "setSecureContext" in server) server.setSecureContext({ cert: certificate, key: privateKey });
      }
    },
  };
}

interface Shared {
  readonly http: HttpMetrics;
  readonly budget: BodyBudget;
  readonly freeMemory: FreeMemory;
  readonly nextId: () => number;
  readonly timeouts: HttpTimeouts;
  readonly isClosing: () => boolean;
}

function listeningOf({ app, groups, log, metrics, eventLoop }: ListenersOptions, listener: Listener, shared: Shared): Listening {
  const served = [healthRoutes, ...(app.config.enable_metrics ? [metricsRoutes(metrics)] : []), ...groups];
  const tag = listener.tag ?? String(listener.port ?? listener.path);
  const isMetrics = listener.type === "metrics";
  const { http, budget, freeMemory, nextId, timeouts, isClosing } = shared;
  return {
    app,
    clock: app.clock,
    router: compileRoutes(isMetrics ? [healthRoutes, metricsEverywhere(metrics)] : groupsOf(listener, served)),
    tag,
    trustsForwarded: listener.x_forwarded,
    requestId: requestIdOf(listener.request_id_header, nextId),
    compressed: compressedGroups(listener, served),
    pages: !isMetrics && hasPages(listener) ? createPages(app.config.web_client_location) : undefined,
    accessLog: log(`synapse.access.${listener.tls ? "https" : "http"}.${tag}`),
    log: log("synapse.http.server"),
    metrics: http,
    timeouts,
    budget,
    freeMemory,
    eventLoop,
    isClosing,
  };
}

function counter(): () => number {
  let last = 0;
  return () => ++last;
}

function requestIdOf(header: string | undefined, nextId: () => number): (request: IncomingMessage) => string {
  if (header === undefined) return (request) => `${request.method}-${nextId()}`;
  const name = header.toLowerCase();
  return (request) => {
    const given = request.headers[name];
    return typeof given === "string" && given !== "" ? given : `${request.method}-${nextId()}`;
  };
}

/** There is no Python here to give a shell for. */
function createBanner(): NetServer {
  return createNetServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end("synapse-ts has no manhole. Use the admin API, the metrics listener and the log instead.\r\n");
  });
}

function addressText(address: AddressInfo | string | null, tls: boolean): string {
  if (address === null || typeof address === "string") return address ?? "";
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `${tls ? "https" : "http"}://${host}:${address.port}`;
}
