import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { EndSignal } from "../lib/ending";
import type { JsonValue } from "../lib/json";
import type { Requester } from "./requester";

/** What a handler may know about the HTTP request that it serves. */
export interface HttpRequest {
  /** Unique in this process (`GET-17`), or the value of the listener's `request_id_header`. */
  readonly id: string;
  readonly method: string;
  /** Still percent-encoded, without the query string. */
  readonly path: string;
  /** Path and query string as they came: what federation signatures cover. */
  readonly url: string;
  /** The client's address: of the first X-Forwarded-For entry where the listener says x_forwarded. */
  readonly ip: string;
  readonly userAgent: string;
  readonly headers: IncomingHttpHeaders;
  /** From `Authorization: Bearer`, else from the query parameter `access_token`. */
  readonly accessToken: string | undefined;
  /** Aborts when the client disconnects before its answer is complete. */
  readonly signal: AbortSignal;
  /** The same, and cheaper, for waits that no library takes part in. */
  readonly ending: EndSignal;
  /** For routes without a body schema that read the body as a stream. */
  readonly raw: IncomingMessage;
  /** All values of a query parameter in order, decoded. */
  query(name: string): readonly string[] | undefined;
}

/**
 * Who may call a route. "optional": a user or nobody; "user": users, not guests; "guest": users and guests; "appservice": an
 * application service for itself or a user of its own; "federation": another server, by signature; "replication": a process of ours.
 */
export type AuthMode = "none" | "optional" | "user" | "guest" | "admin" | "appservice" | "federation" | "replication";

/** States of an account in which routes refuse it unless they say otherwise. */
export type RestrictedState = "locked" | "suspended" | "expired";

/** Another server, as its request signature proves. */
export interface ServerRequester {
  /** Server name. */
  readonly origin: string;
}

/** What authentication gives in each mode. */
export interface RequesterOf {
  readonly none: undefined;
  readonly optional: Requester | undefined;
  readonly user: Requester;
  readonly guest: Requester;
  readonly admin: Requester;
  readonly appservice: Requester;
  readonly federation: ServerRequester;
  readonly replication: undefined;
}

export interface AuthOptions {
  /** Restricted states that the route serves all the same. */
  readonly allow: readonly RestrictedState[];
  /** The parsed body, numbers kept as text where a double would change them. Federation signatures cover it. */
  readonly content: JsonValue | undefined;
}

/**
 * Finds out who sends a request (`app.auth.authenticate`). Throws MatrixError. Answers without a promise where it can: the hot path
 * of a cached token then costs no turn of the event loop.
 */
export type Authenticate = <M extends AuthMode>(
  request: HttpRequest,
  mode: M,
  options: AuthOptions,
) => Promise<RequesterOf[M]> | RequesterOf[M];
