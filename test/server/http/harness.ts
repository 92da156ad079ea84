import { connect, type Socket } from "node:net";
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from "node:http";
import type { Listener } from "../../../src/config/types.generated";
import type { App } from "../../../src/handlers/app";
import { createInFlight } from "../../../src/handlers/federation/inFlight";
import { requesterFor } from "../../../src/handlers/requester";
import { MatrixError } from "../../../src/errors";
import { systemClock } from "../../../src/lib/clock";
import type { createLogging } from "../../../src/observe/logging";
import { createMetrics } from "../../../src/observe/metrics";
import { group, type Route } from "../../../src/rest/route";
import { createListeners } from "../../../src/server/http/listeners";
import { testConfig } from "../../builders/config";
import { DEFAULT_TIMEOUTS, type HttpTimeouts } from "../../../src/server/http/listening";

const LISTENER: Listener = {
  type: "http",
  port: 0,
  bind_addresses: ["127.0.0.1"],
  tls: false,
  x_forwarded: false,
  resources: [{ names: ["client", "federation"], compress: false }],
  additional_resources: {},
};

export interface Harness {
  readonly port: number;
  readonly addresses: string[];
  /** Lines of the access log, each `<logger> <level> <message>`, and of everything else. */
  lines(): string[];
  metrics(): Promise<string>;
  close(graceMs?: number): Promise<void>;
  reloadTls(tls: { certificate: string; privateKey: string }): void;
}

export interface HarnessOptions {
  readonly routes: readonly Route[];
  readonly group?: string;
  readonly listener?: Partial<Listener>;
  readonly config?: object;
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly onLine?: (line: string) => void;
}

/** The HTTP side of a process with routes of the test's own, and bearer tokens that are user names. */
export async function startHttp({
  routes,
  group: name = "client.test",
  listener,
  config,
  timeouts,
  onLine,
}: HarnessOptions): Promise<Harness> {
  const lines: string[] = [];
  const metrics = createMetrics("example.org");
  const app = {
    config: { enable_metrics: true, derived: {}, ...config },
    clock: systemClock,
    attention: { pay: () => undefined },
    inFlight: createInFlight({ config: testConfig(), clock: systemClock }),
    auth: {
      authenticate(request: { accessToken?: string; headers: IncomingHttpHeaders }, mode: string, { content }: { content: unknown }) {
        if (mode === "federation") {
          if (request.headers.authorization !== "X-Matrix good")
            throw new MatrixError(401, "M_UNAUTHORIZED", `not signed: ${JSON.stringify(content)}`);
          return Promise.resolve({ origin: "remote.example" });
        }
        const token = request.accessToken;
        if (token === undefined) {
          if (mode === "optional") return undefined;
          throw new MatrixError(401, "M_MISSING_TOKEN", "Missing access token");
        }
        const [user, entity] = token.split("|");
        return requesterFor(`@${user}:example.org`, entity === undefined ? {} : { authenticatedEntity: `@${entity}:example.org` });
      },
    },
  } as unknown as App;
  const record = (line: string): void => void (lines.push(line), onLine?.(line));
  const listeners = createListeners({
    app,
    listeners: [{ ...LISTENER, ...listener } as Listener],
    groups: [group(name, routes)],
    log: (logger) => collecting(logger, record),
    metrics,
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
  });
  await listeners.open();
  const addresses = listeners.addresses();
  const port = Number(/:(\d+)$/.exec(addresses[0] ?? "")?.[1] ?? 0);
  return {
    port,
    addresses,
    lines: () => lines,
    metrics: () => metrics.text(),
    close: (graceMs = 1000) => listeners.close(graceMs),
    reloadTls: listeners.reloadTls,
  };
}

function collecting(logger: string, record: (line: string) => void): ReturnType<ReturnType<typeof createLogging>["log"]> {
  const at = (level: string) => (message: string | (() => string)) =>
    record(`${logger} ${level} ${typeof message === "string" ? message : message()}`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), isEnabled: () => true };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  readonly json: unknown;
}

/** One request on a connection of its own. */
export function call(
  port: number,
  method: string,
  path: string,
  options: RequestOptions & { body?: string | Buffer } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const given = rest.headers as Record<string, string> | undefined;
    const headers = body === undefined || given?.["Transfer-Encoding"] ? given : { "Content-Length": Buffer.byteLength(body), ...given };
    const request = httpRequest({ host: "127.0.0.1", port, method, path, agent: false, ...rest, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, bytes, json: jsonOf(text) });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Bytes as they are, for requests that no client library would send. Resolves with all that comes back until the server closes. */
export function raw(port: number, write: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => write(socket));
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}
