import { connect } from "node:net";
import type { ReplicationLog } from "./log";
import { encodeFrame } from "./tcpFrames";
import type { Frame } from "./tcpFrames";
import { openTcpPeer, proofOf } from "./tcpPeer";
import type { TcpPeer, TcpTiming } from "./tcpPeer";

export interface TcpLinkOptions extends TcpTiming {
  /** `worker_replication_host` and `worker_replication_port`: the listener of type replication of the main process. */
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly instance: string;
  /** `worker_replication_secret` */
  readonly secret: string | undefined;
  readonly log: ReplicationLog;
}

export interface TcpLinkEvents {
  /** The channels that the main process is to send. */
  readonly channels: () => readonly string[];
  readonly onMessage: (channel: string, text: string) => void;
  readonly onUp: () => void;
}

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5_000;

/** A worker's connection to the main process, made again whenever it is lost. */
export class TcpLink {
  private peer: TcpPeer | undefined;
  /** The main process knows our name, and takes what we say. */
  private introduced = false;
  private up = false;
  private closed = false;
  private complained = false;
  private retryMs = FIRST_RETRY_MS;
  private timer: NodeJS.Timeout | undefined;
  private marked: (() => void) | undefined;

  constructor(
    private readonly options: TcpLinkOptions,
    private readonly events: TcpLinkEvents,
  ) {
    this.open();
  }

  /** The connection, while everything comes through. */
  get live(): TcpPeer | undefined {
    return this.up ? this.peer : undefined;
  }

  /** A connection that takes subscriptions. */
  get ready(): TcpPeer | undefined {
    return this.introduced ? this.peer : undefined;
  }

  /** Resolves when the main process has passed on what was said before, or the connection is lost. One at a time. */
  async mark(): Promise<void> {
    const { live } = this;
    if (!live) return;
    await new Promise<void>((resolve) => {
      this.marked = resolve;
      live.send(encodeFrame("mark"));
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.peer?.end("this process stops");
  }

  private open(): void {
    const { host, port, pingMs, silenceMs } = this.options;
    const peer = openTcpPeer(connect({ host, port }), {
      pingMs,
      silenceMs,
      onFrame: (frame) => this.hear(peer, frame),
      onEnd: (reason) => this.lost(reason),
    });
    this.peer = peer;
  }

  private hear(peer: TcpPeer, { verb, subject, text }: Frame): void {
    const { serverName, instance, secret } = this.options;
    if (verb === "say") this.events.onMessage(subject, text);
    if (verb === "ready") this.isReady();
    if (verb === "mark") this.marked?.();
    if (verb !== "hello") return;
    if (subject !== serverName) return peer.refuse(`the main process there is that of ${subject}, not of ${serverName}`);
    peer.send(encodeFrame("name", instance, proofOf(secret, text, instance)));
    this.introduced = true;
    for (const channel of this.events.channels()) peer.send(encodeFrame("subscribe", channel));
    peer.send(encodeFrame("sync"));
  }

  private isReady(): void {
    this.up = true;
    this.retryMs = FIRST_RETRY_MS;
    if (this.complained) this.options.log.info("connected to the main process again");
    this.complained = false;
    this.events.onUp();
  }

  private lost(reason: string): void {
    this.peer = undefined;
    this.introduced = this.up = false;
    this.marked?.();
    if (this.closed) return;
    if (!this.complained) this.options.log.warn(`no connection to the main process, asking the database for news meanwhile: ${reason}`);
    this.complained = true;
    this.timer = setTimeout(() => this.open(), this.retryMs).unref();
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
  }
}
