import { MatrixError } from "../errors";
import type { JsonObject } from "../lib/json";

/**
 * Another server answered with an error: `status` and `errcode` are its own. Left alone it goes on to the client, as Synapse passes
 * such answers through; `answer` is the body, where there was a JSON object.
 */
export class FederationError extends MatrixError {
  constructor(
    readonly destination: string,
    status: number,
    readonly answer: JsonObject | undefined,
  ) {
    const { errcode, error, ...rest } = answer ?? {};
    super(
      status,
      typeof errcode === "string" ? errcode : "M_UNKNOWN",
      typeof error === "string" ? error : `${destination} answered with ${status}`,
      rest,
    );
  }
}

/** Another server could not be asked: no address, no connection, no answer in time, an answer that is no JSON. 502 for clients. */
export class ServerUnreachableError extends MatrixError {
  constructor(
    readonly destination: string,
    reason: string,
  ) {
    super(502, "M_UNKNOWN", `Cannot reach ${destination}: ${reason}`);
  }
}

/** The server did not answer lately and is left alone until `retryAt` (ms since the epoch). */
export class BackingOffError extends ServerUnreachableError {
  constructor(
    destination: string,
    readonly retryAt: number,
  ) {
    super(destination, "it did not answer lately");
  }
}

/** `federation_domain_whitelist` leaves the server out, in either direction. */
export class FederationDeniedError extends MatrixError {
  constructor(readonly destination: string) {
    super(403, "M_FORBIDDEN", `Federation denied with ${destination}.`);
  }
}
