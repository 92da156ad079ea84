import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { HttpRequest } from "../../handlers/request";
import { Ending } from "../../lib/ending";
import type { EndSignal } from "../../lib/ending";
import { newContext, type RequestContext } from "../../observe/context";
import type { RequestMeter } from "../../observe/httpMetrics";
import type { Listening } from "./listening";
import { parseQuery, type QueryValues } from "./query";

/** One request and its answer. A class, so that what few handlers ask for is only computed when asked. */
export class Exchange implements HttpRequest {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly begin: number;
  /** Replaced once the route is known. */
  context: RequestContext;
  meter: RequestMeter | undefined;
  /** When the handler had its answer ready; 0 before. */
  handled = 0;
  /** Milliseconds of this thread that surely went into this request. */
  cpuMs = 0;
  status = 0;
  bytes = 0;
  /** The connection was closed, after the answer or before. */
  closed = false;
  private values: QueryValues | undefined;
  private aborter: AbortController | undefined;
  private waits: Ending | undefined;

  constructor(
    readonly listening: Listening,
    readonly raw: IncomingMessage,
    readonly res: ServerResponse,
  ) {
    const { url = "/", method = "GET" } = raw;
    const question = url.indexOf("?");
    this.begin = listening.clock.monotonic();
    this.method = method;
    this.url = url;
    this.path = question < 0 ? url : url.slice(0, question);
    this.id = listening.requestId(raw);
    this.context = newContext(this.id, "UnrecognizedRequest");
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  get userAgent(): string {
    return this.raw.headers["user-agent"] ?? "";
  }

  get ip(): string {
    if (this.listening.trustsForwarded) {
      const forwarded = this.raw.headers["x-forwarded-for"];
      const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(",", 1)[0]?.trim();
      if (first) return first;
    }
    const address = this.raw.socket.remoteAddress ?? "";
    // How sockets that take IPv6 and IPv4 write an IPv4 address.
    return address.startsWith("::ffff:") ? address.slice(7) : address;
  }

  get accessToken(): string | undefined {
    const { authorization } = this.raw.headers;
    if (authorization !== undefined) return /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1];
    return this.url.includes("access_token=") ? this.query("access_token")?.[0] : undefined;
  }

  query(name: string): readonly string[] | undefined {
    this.values ??= parseQuery(this.path.length < this.url.length ? this.url.slice(this.path.length + 1) : "");
    return this.values.get(name);
  }

  get signal(): AbortSignal {
    this.aborter ??= new AbortController();
    if (this.left) this.aborter.abort();
    return this.aborter.signal;
  }

  get ending(): EndSignal {
    this.waits ??= new Ending();
    if (this.left) this.waits.abort();
    return this.waits;
  }

  /** The client went away before its answer was complete. */
  get left(): boolean {
    return this.closed && !this.res.writableFinished;
  }

  /** Called once the connection is done with this request. */
  onClose(): void {
    this.closed = true;
    if (!this.left) return;
    this.aborter?.abort();
    this.waits?.abort();
  }
}
