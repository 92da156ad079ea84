import type { Writable } from "node:stream";
import winston from "winston";

/** Takes finished lines, each with its line end, and sees that they get somewhere. Never throws, never blocks. */
export interface Sink {
  write(lines: string): void;
  /** Hands on what it holds back. */
  flush(): void;
  /** Writes what is left, then lets go of the file or socket. */
  close(): Promise<void>;
  /** For the end of the process, when nothing asynchronous happens any more. */
  closeSync(): void;
}

/** Where a sink writes to in the end. */
export interface LogTarget {
  /** Stays writable whatever happens; errors are its own affair. */
  readonly stream: Writable;
  readonly writeSync?: (text: string) => void;
  /** False for stdout and stderr, which others use too. */
  readonly ends: boolean;
}

/** How long a line may lie here before it is written: a hundred writes a second cost next to nothing. */
const BATCH_MS = 10;
const BATCH_CHARS = 65_536;
/** When a disk or collector stalls, lines beyond this are dropped and counted. In characters. */
const MAX_HELD = 16_777_216;

/** Under this key winston keeps a line that is formatted already. */
const MESSAGE = Symbol.for("message");

/** Puts lines together, so that a line costs a string concatenation and a batch costs one write of the winston transport. */
export class BatchSink implements Sink {
  private held = "";
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly transport: winston.transport;

  constructor(private readonly target: LogTarget) {
    this.transport = new winston.transports.Stream({ stream: target.stream, eol: "" });
    target.stream.on("drain", () => this.schedule());
    // Whatever happens to a log must not end the server.
    target.stream.on("error", () => undefined);
  }

  write(lines: string): void {
    if (this.held.length > MAX_HELD) {
      this.dropped++;
      return;
    }
    this.held += lines;
    this.schedule();
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.held === "" || this.target.stream.writableNeedDrain) return;
    const text = this.take();
    this.transport.write({ level: "info", message: text, [MESSAGE]: text });
  }

  async close(): Promise<void> {
    const { stream, ends } = this.target;
    while (this.held !== "" && !stream.destroyed) {
      this.flush();
      if (stream.writableNeedDrain) await new Promise<void>((resolve) => void stream.once("drain", resolve).once("close", resolve));
    }
    if (ends) await new Promise<void>((resolve) => void stream.end(() => resolve()));
  }

  closeSync(): void {
    const text = this.take();
    if (text !== "") this.target.writeSync?.(text);
  }

  private schedule(): void {
    if (this.held.length > BATCH_CHARS) this.flush();
    else if (this.held !== "") this.timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }

  private take(): string {
    const lost = this.dropped === 0 ? "" : `(${this.dropped} log lines were dropped: they could not be written fast enough)\n`;
    const text = this.held + lost;
    this.held = "";
    this.dropped = 0;
    return text;
  }
}
