import { isDeepStrictEqual } from "node:util";
import type { RedisConfig } from "../config/types.generated";
import { messageOf } from "./log";
import type { ReplicationLog } from "./log";
import { findRedis, requireMaster } from "./redisClient";
import type { RedisAddress } from "./redisClient";

/** What a link wants of a connection. */
export interface RedisConnection {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  ping(): Promise<unknown>;
  destroy(): void;
  on(event: "error", fn: (error: Error) => void): unknown;
  on(event: "end", fn: () => void): unknown;
}

export interface RedisLinkOptions<Client> {
  readonly config: RedisConfig;
  /** Makes a connection, which is not open yet. */
  readonly create: (config: RedisConfig, address: RedisAddress) => Client;
  /** For the log. */
  readonly name: string;
  readonly log: ReplicationLog;
  /** Prepares a new connection; the link counts as up afterwards. */
  readonly prepare: (client: Client) => Promise<void>;
  readonly onUp: () => void;
  readonly onDown: () => void;
  /** How often the other side is asked for a sign of life, and how long it may take. Default 10 s and 5 s. */
  readonly pingMs?: number;
  readonly pongMs?: number;
}

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 5_000;

/** One connection to Redis, made again whenever it is lost. A connection on which nothing comes back counts as lost too. */
export class RedisLink<Client extends RedisConnection> {
  private client: Client | undefined;
  private address: RedisAddress | undefined;
  private up = false;
  private closed = false;
  private retryMs = FIRST_RETRY_MS;
  private timer: NodeJS.Timeout | undefined;
  private complained = false;

  constructor(private readonly options: RedisLinkOptions<Client>) {
    void this.connect();
  }

  /** The connection, while it works. */
  get live(): Client | undefined {
    return this.up ? this.client : undefined;
  }

  /** A connection that takes commands, also while it is being prepared. */
  get ready(): Client | undefined {
    return this.client?.isReady ? this.client : undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.drop(this.client);
  }

  private async connect(): Promise<void> {
    const { config, create, prepare, onUp, log, name } = this.options;
    let client: Client;
    try {
      this.address = await findRedis(config);
      await requireMaster(config, this.address);
      client = create(config, this.address);
    } catch (error) {
      return this.lost(undefined, error);
    }
    if (this.closed) return;
    this.client = client;
    // Without a listener an error would end the process. What follows from it is done where the call fails.
    client.on("error", (error) => this.lost(client, error));
    client.on("end", () => this.lost(client, new Error("the connection was closed")));
    try {
      await this.answered(client.connect());
      await this.answered(prepare(client));
    } catch (error) {
      this.lost(client, error);
      return;
    }
    if (this.client !== client) return;
    this.up = true;
    this.retryMs = FIRST_RETRY_MS;
    if (this.complained) log.info(`connected to Redis again (${name})`);
    this.complained = false;
    this.timer = setTimeout(() => void this.ping(client), this.options.pingMs ?? 10_000).unref();
    onUp();
  }

  private async ping(client: Client): Promise<void> {
    try {
      await this.answered(client.ping());
      // Sentinels that do not answer are no reason to give up a server that does.
      void this.requireSameServer().catch((error: unknown) => this.lost(client, error));
      if (this.client === client) this.timer = setTimeout(() => void this.ping(client), this.options.pingMs ?? 10_000).unref();
    } catch (error) {
      this.lost(client, error);
    }
  }

  /** Rejects when Redis says nothing for too long. */
  private async answered(work: Promise<unknown>): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const silence = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new Error("no answer")), this.options.pongMs ?? 5_000).unref();
    });
    try {
      await Promise.race([work, silence]);
    } finally {
      clearTimeout(late);
    }
  }

  /** A server that was cut off from its sentinels goes on as if it were the master, and nobody else hears what is said there. */
  private async requireSameServer(): Promise<void> {
    const { config } = this.options;
    if (!config.sentinel) return;
    const named = await findRedis(config).catch(() => this.address);
    if (!isDeepStrictEqual(named, this.address)) throw new Error("another server is the master now");
  }

  private lost(client: Client | undefined, error: unknown): void {
    if (this.client !== client) return;
    const { log, name, onDown } = this.options;
    this.drop(client);
    if (this.closed) return;
    if (!this.complained) log.warn(`no connection to Redis (${name}), asking the database for news meanwhile: ${messageOf(error)}`);
    this.complained = true;
    this.timer = setTimeout(() => void this.connect(), this.retryMs).unref();
    this.retryMs = Math.min(this.retryMs * 2, MAX_RETRY_MS);
    onDown();
  }

  private drop(client: Client | undefined): void {
    this.client = undefined;
    this.up = false;
    clearTimeout(this.timer);
    if (client?.isOpen) client.destroy();
  }
}
