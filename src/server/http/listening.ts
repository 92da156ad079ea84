import type { IncomingMessage, ServerResponse } from "node:http";
import type { App } from "../../handlers/app";
import type { Clock } from "../../lib/clock";
import type { FreeMemory } from "../../lib/freeMemory";
import type { EventLoopMonitor } from "../../observe/eventLoop";
import type { HttpMetrics } from "../../observe/httpMetrics";
import type { Logger } from "../../observe/logger";
import type { Router } from "../../rest/router";
import type { BodyBudget } from "./body";

/** Time limits of a listener, in ms. */
export interface HttpTimeouts {
  /** To receive the header of a request. */
  readonly headers: number;
  /** To receive a body that is parsed. */
  readonly body: number;
  /** For a client to finish sending a body that nobody wants any more. */
  readonly linger: number;
  /** For a whole request with a body that a handler streams. */
  readonly request: number;
  /** Between requests on one connection. Longer than what reverse proxies use, or they race with the close. */
  readonly keepAlive: number;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { headers: 30_000, body: 60_000, linger: 5_000, request: 3_600_000, keepAlive: 75_000 };

/** What all requests of one listener share. */
export interface Listening {
  readonly app: App;
  readonly clock: Clock;
  readonly router: Router;
  /** Site tag: the port unless configured. */
  readonly tag: string;
  readonly trustsForwarded: boolean;
  readonly requestId: (request: IncomingMessage) => string;
  /** Names of groups whose answers may be compressed. */
  readonly compressed: ReadonlySet<string>;
  /** Serves what no route knows: pages for browsers. */
  readonly pages: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  readonly accessLog: Logger;
  readonly log: Logger;
  readonly metrics: HttpMetrics;
  readonly timeouts: HttpTimeouts;
  readonly budget: BodyBudget;
  readonly freeMemory: FreeMemory;
  readonly eventLoop: Pick<EventLoopMonitor, "wokeAt"> | undefined;
  /** True once the listener is being closed: answers then end their connection. */
  isClosing(): boolean;
}
