import type { IncomingMessage } from "node:http";
import { MatrixError, badJson, tooLarge } from "../../errors";
import { JsonError, parseJson, type JsonValue } from "../../lib/json";
import { parseLosslessJson } from "../../lib/jsonLossless";

/** 200 events of the largest size, as Synapse has it. */
export const DEFAULT_MAX_BODY = 200 * 65_536;

/** Bytes of bodies that lie in memory at once, over all requests of a process. */
export class BodyBudget {
  private used = 0;

  constructor(private readonly limit: number) {}

  /** False when there is no room: the request is refused. */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}

export interface BodyLimits {
  /** Bytes. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly budget: BodyBudget;
}

/** The client left while its body was being read: there is nobody to answer. */
export class ClientLeftError extends Error {}

export const CLIENT_LEFT = "the client left before its request was complete";
const EMPTY = Buffer.alloc(0);

/**
 * Reads a whole body. Throws 413 M_TOO_LARGE as soon as it is certain to be too long, 408 when it takes too long to arrive, 503 when
 * too many bodies are being read.
 */
export function readBody(request: IncomingMessage, { maxBytes, timeoutMs, budget }: BodyLimits): Promise<Buffer> | Buffer {
  const { headers } = request;
  const announced = headers["content-length"];
  if (announced === undefined && headers["transfer-encoding"] === undefined) return EMPTY;
  if (Number(announced ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  if (request.destroyed) throw new ClientLeftError(CLIENT_LEFT);
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let settled = false;
    const settle = (): void => {
      settled = true;
      clearTimeout(timer);
      budget.give(length);
    };
    const fail = (error: Error): void => {
      if (settled) return;
      settle();
      chunks.length = 0;
      reject(error);
    };
    request.on("data", (chunk: Buffer) => {
      // After a failure it is thrown away, for a while: clients that only read once they have sent all shall see the answer.
      if (settled) return;
      if (length + chunk.length > maxBytes) return fail(bodyTooLarge(maxBytes));
      if (!budget.take(chunk.length)) return fail(new MatrixError(503, "M_LIMIT_EXCEEDED", "The server is busy receiving other requests"));
      length += chunk.length;
      chunks.push(chunk);
    });
    request.on("end", () => {
      if (settled) return;
      settle();
      resolve(chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks, length));
    });
    // Comes after "end" too, and then changes nothing. Without a listener for it, Node raises no "error" when the client leaves.
    request.on("close", () => settled || fail(new ClientLeftError(CLIENT_LEFT)));
    const timer = setTimeout(() => fail(new MatrixError(408, "M_UNKNOWN", "The request body took too long to arrive")), timeoutMs);
  });
}

export const bodyTooLarge = (maxBytes: number): MatrixError => tooLarge(`Request content is too large (>${maxBytes} bytes)`);

/** Whether numbers are kept as they are written: events of other servers are signed so. */
export type NumberKeeping = "doubles" | "lossless";

/** Parses a JSON body. Throws 400 M_NOT_JSON, or M_BAD_JSON for what is JSON but cannot be worked with. */
export function parseBody(bytes: Buffer, numbers: NumberKeeping): JsonValue {
  try {
    return numbers === "lossless" ? parseLosslessJson(bytes) : parseJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    if (error.reason === "syntax" || error.reason === "encoding") throw new MatrixError(400, "M_NOT_JSON", "Content not JSON.");
    throw badJson(`Content cannot be used: ${error.message}`);
  }
}
