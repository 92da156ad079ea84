import type { RequestContext } from "./context";
import type { LogFields, Logger } from "./logger";

/** A finished request, for its line in the log. Times in ms. */
export interface RequestLine {
  readonly context: RequestContext;
  readonly ip: string;
  /** Tag of the listener. */
  readonly tag: string;
  readonly method: string;
  /** Path and query string. */
  readonly url: string;
  /** `1.1`. */
  readonly httpVersion: string;
  readonly userAgent: string;
  readonly status: number;
  /** The client had left before its answer was complete. */
  readonly clientLeft: boolean;
  readonly bytes: number;
  /** Until the handler ended, and from then to the end of writing. */
  readonly handleMs: number;
  readonly sendMs: number;
  readonly cpuMs: number;
}

/** Writes Synapse's request line: at debug level for OPTIONS, HEAD and health checks, else at info level. */
export function logRequest(logger: Logger, line: RequestLine): void {
  const quiet = line.method === "OPTIONS" || line.method === "HEAD" || line.url === "/health";
  if (!logger.isEnabled(quiet ? "debug" : "info")) return;
  if (quiet) logger.debug(requestLine(line), requestFields(line));
  else logger.info(requestLine(line), () => requestFields(line));
}

function requestFields(line: RequestLine): LogFields {
  return {
    ip_address: line.ip,
    site_tag: line.tag,
    requester: line.context.requester ?? null,
    authenticated_entity: line.context.requester?.split("|")[0] ?? null,
    method: line.method,
    url: redactUrl(line.url),
    protocol: `HTTP/${line.httpVersion}`,
    status_code: line.status,
    user_agent: line.userAgent,
  };
}

/** Seconds with three decimals. */
function seconds(ms: number): string {
  const whole = Math.round(ms);
  if (whole < 0) return `-${seconds(-ms)}`;
  const rest = whole % 1000;
  return `${(whole - rest) / 1000}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`;
}

/** Log parsers read this: change no character of it. */
export function requestLine(line: RequestLine): string {
  const { context } = line;
  const send = line.clientLeft ? -line.sendMs : line.sendMs;
  return (
    `${line.ip} - ${line.tag} - {${context.requester ?? "None"}} Processed request: ${seconds(line.handleMs)}sec/${seconds(send)}sec` +
    ` (${seconds(line.cpuMs)}sec, 0.000sec) (${seconds(context.dbWaitMs)}sec/${seconds(context.dbTimeMs)}sec/${context.dbCount})` +
    ` ${line.bytes}B ${line.status}${line.clientLeft ? "!" : ""} "${line.method} ${redactUrl(line.url)} HTTP/${line.httpVersion}"` +
    ` "${line.userAgent}" [${context.dbEvents} dbevts]`
  );
}

const SECRETS = /([?&](?:access_token|client_secret)=)[^&]*/g;

/** The URL without the secrets in its query string. */
export function redactUrl(url: string): string {
  return url.includes("?") ? url.replace(SECRETS, "$1<redacted>") : url;
}
