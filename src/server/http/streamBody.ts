import type { IncomingMessage } from "node:http";
import { MatrixError } from "../../errors";
import { bodyTooLarge, CLIENT_LEFT, ClientLeftError } from "./body";

export interface StreamLimits {
  /** Bytes. */
  readonly maxBytes: number;
  /** How long the client may send nothing while somebody reads. */
  readonly idleMs: number;
}

/**
 * A body that is read chunk by chunk: nothing is read ahead, so a slow reader slows the client down. Throws 413 M_TOO_LARGE at once when
 * the length is announced, else while it is read. Reading throws ClientLeftError when the client goes away before the end.
 */
export function streamBody(request: IncomingMessage, limits: StreamLimits): AsyncIterable<Buffer> {
  const { maxBytes } = limits;
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  return chunks(request, limits);
}

async function* chunks(request: IncomingMessage, { maxBytes, idleMs }: StreamLimits): AsyncGenerator<Buffer> {
  // A connection on which nothing comes is cut: whoever is behind it does not wait for an answer either.
  const timer = setTimeout(() => request.destroy(new MatrixError(408, "M_UNKNOWN", "The request body took too long to arrive")), idleMs);
  let length = 0;
  try {
    if (request.destroyed && !request.complete) throw new ClientLeftError(CLIENT_LEFT);
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw bodyTooLarge(maxBytes);
      yield chunk;
      timer.refresh();
    }
  } catch (error) {
    throw error instanceof MatrixError ? error : new ClientLeftError(CLIENT_LEFT, { cause: error });
  } finally {
    clearTimeout(timer);
    // After a failure the rest is thrown away, for a while: clients that only read once they have sent all shall see the answer.
    if (!request.destroyed) request.resume();
  }
}
