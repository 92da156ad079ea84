import type { JsonObject } from "./lib/json";

/**
 * An error that a client is meant to see: HTTP status, Matrix errcode, message, and any further top-level fields.
 * Anything else that escapes a handler is a bug and becomes 500 M_UNKNOWN.
 */
export class MatrixError extends Error {
  constructor(
    readonly status: number,
    readonly errcode: string,
    message: string,
    readonly extra: JsonObject = {},
  ) {
    super(message);
  }

  /** The standard error response body (specification: client-server API, "Standard error response"). */
  body(): JsonObject {
    return { errcode: this.errcode, error: this.message, ...this.extra };
  }
}

export const badJson = (message: string): MatrixError => new MatrixError(400, "M_BAD_JSON", message);
export const invalidParam = (message: string): MatrixError => new MatrixError(400, "M_INVALID_PARAM", message);
export const missingParam = (message: string): MatrixError => new MatrixError(400, "M_MISSING_PARAM", message);
export const forbidden = (message: string): MatrixError => new MatrixError(403, "M_FORBIDDEN", message);
export const notFound = (message: string): MatrixError => new MatrixError(404, "M_NOT_FOUND", message);
export const unrecognized = (status: 404 | 405 = 404): MatrixError => new MatrixError(status, "M_UNRECOGNIZED", "Unrecognized request");
export const tooLarge = (message: string): MatrixError => new MatrixError(413, "M_TOO_LARGE", message);
export const limitExceeded = (retryAfterMs: number): MatrixError =>
  new MatrixError(429, "M_LIMIT_EXCEEDED", "Too Many Requests", { retry_after_ms: retryAfterMs });
