import type { IncomingMessage } from "node:http";
import { MatrixError } from "../../errors";
import type { ByteReader } from "../../lib/byteReader";
import type { FreeMemory } from "../../lib/freeMemory";
import { bodyTooLarge, CLIENT_LEFT, ClientLeftError } from "./body";

export interface StreamLimits {
  /** Bytes. */
  readonly maxBytes: number;
  /** How long the client may send nothing while somebody reads. */
  readonly idleMs: number;
  readonly freeMemory: FreeMemory;
}

/**
 * A body that is read piece by piece. Throws 413 M_TOO_LARGE at once when the length is announced, else while it is read. Reading throws
 * ClientLeftError when the client goes away before the end.
 */
export function streamBody(request: IncomingMessage, limits: StreamLimits): StreamedBody {
  const { maxBytes } = limits;
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  return new StreamBody(request, limits);
}

interface Reading {
  readonly into: Uint8Array;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: Error) => void;
}

export interface StreamedBody extends ByteReader {
  /** Nobody reads on: what still comes is thrown away. */
  abandon(): void;
}

const EMPTY = Buffer.alloc(0);

/** Node gives each piece in memory of its own. What is read goes to the reader's, and that is given back. */
class StreamBody implements StreamedBody {
  private length = 0;
  private reading: Reading | undefined;
  private filled = 0;
  /** Of a piece for which there was not enough room. */
  private left: Buffer = EMPTY;
  /** The memory of that piece, where nothing else lies in it. */
  private owned: ArrayBuffer | undefined;
  private emptied: ArrayBuffer[] = [];
  private end: Error | "complete" | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly request: IncomingMessage,
    private readonly limits: StreamLimits,
  ) {}

  read(into: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.reading = { into, resolve, reject };
      this.filled = 0;
      this.begin();
      this.copy(this.reading);
      if (this.end !== undefined || this.filled === into.length) this.settle();
      else this.request.resume();
    });
  }

  abandon(): void {
    if (this.end === undefined) this.finish(new ClientLeftError(CLIENT_LEFT));
  }

  private begin(): void {
    if (this.end !== undefined) return;
    if (this.timer) return void this.timer.refresh();
    const { request, limits } = this;
    if (request.destroyed) return this.finish(new ClientLeftError(CLIENT_LEFT));
    this.timer = setTimeout(() => this.waitedLong(), limits.idleMs);
    request.on("data", (chunk: Buffer) => this.take(chunk));
    request.on("end", () => this.finish("complete"));
    // Comes after "end" too, and then changes nothing. Without a listener for it, Node raises no "error" when the client leaves.
    request.on("close", () => this.abandon());
  }

  private take(chunk: Buffer): void {
    const { request, limits, reading } = this;
    // After a failure the rest is thrown away, for a while: clients that only read once they have sent all shall see the answer.
    if (this.end !== undefined) return;
    this.length += chunk.length;
    if (this.length > limits.maxBytes) return this.finish(bodyTooLarge(limits.maxBytes));
    this.timer?.refresh();
    this.left = chunk;
    this.owned = chunk.buffer instanceof ArrayBuffer && chunk.buffer.byteLength === chunk.length ? chunk.buffer : undefined;
    if (reading) this.copy(reading);
    if (reading && this.filled < reading.into.length) return;
    request.pause();
    this.settle();
  }

  private copy({ into }: Reading): void {
    const { left } = this;
    const bytes = Math.min(left.length, into.length - this.filled);
    if (bytes === 0) return;
    left.copy(into, this.filled, 0, bytes);
    this.filled += bytes;
    this.left = bytes === left.length ? EMPTY : left.subarray(bytes);
    if (bytes === left.length && this.owned) this.emptied.push(this.owned);
  }

  private settle(): void {
    const { reading, end, emptied } = this;
    this.emptied = [];
    if (emptied.length > 0) this.limits.freeMemory(emptied);
    if (!reading) return;
    this.reading = undefined;
    if (end instanceof Error) reading.reject(end);
    else reading.resolve(this.filled);
  }

  private finish(end: Error | "complete"): void {
    if (this.end !== undefined) return;
    this.end = end;
    clearTimeout(this.timer);
    this.settle();
    if (end !== "complete") this.request.resume();
  }

  /** A connection on which nothing comes is cut: whoever is behind it does not wait for an answer either. */
  private waitedLong(): void {
    if (!this.reading) return void this.timer?.refresh();
    this.finish(new MatrixError(408, "M_UNKNOWN", "The request body took too long to arrive"));
    this.request.destroy();
  }
}
