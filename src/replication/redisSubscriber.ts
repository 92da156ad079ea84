import { EventEmitter } from "node:events";
import { connect as connectPlain } from "node:net";
import type { Socket } from "node:net";
import { TLSSocket, connect as connectTls } from "node:tls";
import type { RedisConfig } from "../config/types.generated";
import { systemClock } from "../lib/clock";
import { RedisReplies } from "./redisReplies";
import type { RedisReply } from "./redisReplies";
import { tlsOptions } from "./redisClient";
import type { RedisAddress } from "./redisClient";

interface Question {
  readonly resolve: (reply: RedisReply) => void;
  readonly reject: (error: Error) => void;
}

/**
 * How long what comes may wait in the socket after something was read. Being woken costs a process many times what a message does, so that in
 * busy times it reads many at once; in quiet ones each is read when it comes.
 */
const REST_MS = 20;
/** After a longer silence there is nothing to save by a rest. */
const SILENCE_MS = 50;
const BUFFER_BYTES = 65_536;
/** As the client library has it for the other direction. */
const KEEP_ALIVE_MS = 5_000;

/**
 * The connection on which a process hears Redis's pub/sub channels: a client of its own, because it must be able to leave messages in the
 * socket for a moment and to take them out at a word, and because each process hears all messages. Emits `error` and `end`.
 */
export class RedisSubscriber extends EventEmitter {
  isOpen = false;
  isReady = false;
  private socket: Socket | undefined;
  private readonly replies = new RedisReplies((reply) => this.take(reply));
  private readonly questions: Question[] = [];
  private receive: (message: string, channel: string) => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private readAt = 0;
  private expecting = 0;
  private isRousing = false;

  constructor(
    private readonly config: RedisConfig,
    private readonly address: RedisAddress,
  ) {
    super();
  }

  async connect(): Promise<void> {
    const { username, password } = this.config;
    const socket = this.open();
    this.socket = socket;
    this.isOpen = true;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("error", (error) => this.emit("error", error));
    socket.on("close", () => this.ended());
    await new Promise<void>((resolve, reject) => {
      socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the connection was closed")));
    });
    if (password !== undefined) await this.ask(username === undefined ? ["AUTH", password] : ["AUTH", username, password]);
    this.isReady = true;
  }

  /** `receive` gets the messages of all channels; it must not throw. */
  async subscribe(channels: readonly string[], receive: (message: string, channel: string) => void): Promise<void> {
    this.receive = receive;
    await Promise.all([this.ask(["SUBSCRIBE", ...channels]), ...channels.slice(1).map(() => this.answer())]);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.ask(["UNSUBSCRIBE", channel]);
  }

  async ping(): Promise<void> {
    await this.ask(["PING"]);
  }

  /** Reads on at once. Gives whether there may be something to read, which is done after the next turn of the event loop. */
  rouse(): boolean {
    if (!this.timer) return this.isRousing;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.socket?.resume();
    // Whoever comes later in this turn finds it roused, and yet nothing is read before the next.
    this.isRousing = true;
    setImmediate(() => (this.isRousing = false));
    return true;
  }

  /** Leaves nothing in the socket until the returned function is called. */
  expect(): () => void {
    this.expecting++;
    this.rouse();
    return () => void this.expecting--;
  }

  destroy(): void {
    this.socket?.destroy();
    this.ended();
  }

  private open(): Socket {
    const { config, address } = this;
    if (config.use_tls && !("path" in address)) {
      const socket = connectTls({ ...address, ...tlsOptions(config) });
      // What TLS has read already cannot be left in the socket.
      return socket.on("data", (data: Buffer) => this.read(data));
    }
    const onread = {
      buffer: Buffer.alloc(BUFFER_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => {
        this.read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        return length === buffer.length || !this.rests();
      },
    };
    return connectPlain({ ...address, onread });
  }

  private read(piece: Buffer): void {
    try {
      this.replies.add(piece);
    } catch (error) {
      this.socket?.destroy(error as Error);
    }
  }

  /** Begins a rest, unless it is quiet, somebody waits or a message is here in part. */
  private rests(): boolean {
    const before = this.readAt;
    this.readAt = systemClock.monotonic();
    if (this.readAt - before > SILENCE_MS) return false;
    if (!this.isReady || this.expecting > 0 || this.questions.length > 0 || this.replies.isPartial) return false;
    this.timer ??= setTimeout(() => this.rouse(), REST_MS).unref();
    return true;
  }

  private ask(words: readonly string[]): Promise<RedisReply> {
    if (!this.isOpen) return Promise.reject(new Error("not connected"));
    this.rouse();
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.socket?.write(`*${words.length}\r\n${parts.join("")}`);
    return this.answer();
  }

  private answer(): Promise<RedisReply> {
    return new Promise((resolve, reject) => this.questions.push({ resolve, reject }));
  }

  private take(reply: RedisReply): void {
    if (Array.isArray(reply) && reply[0] === "message") return this.receive(String(reply[2]), String(reply[1]));
    const question = this.questions.shift();
    if (reply instanceof Error) question?.reject(reply);
    else question?.resolve(reply);
  }

  private ended(): void {
    if (!this.isOpen) return;
    this.isOpen = this.isReady = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const { reject } of this.questions.splice(0)) reject(new Error("the connection was closed"));
    this.emit("end");
  }
}
