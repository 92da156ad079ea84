import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { createClient } from "redis";
import type { RedisConfig } from "../config/types.generated";
import { messageOf } from "./log";

export type RedisClient = ReturnType<typeof newClient>;

/** Where a Redis listens. */
export type RedisAddress = { readonly path: string } | { readonly host: string; readonly port: number };

interface Session {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly dbid?: number | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Commands that wait for a slow Redis. What is beyond is dropped: readers find the gap. */
const MAX_QUEUED = 20_000;

export function tlsOptions(config: RedisConfig): ConnectionOptions {
  const read = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
  const { ca_path: directory } = config;
  const ca = [read(config.ca_file), ...(directory === undefined ? [] : readdirSync(directory).map((name) => read(join(directory, name))))];
  const given = ca.filter((pem) => pem !== undefined);
  return { cert: read(config.certificate_file), key: read(config.private_key_file), ca: given.length > 0 ? given : undefined };
}

function newClient(config: RedisConfig, address: RedisAddress, { username, password, dbid }: Session) {
  const common = { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false as const };
  return createClient({
    socket:
      "path" in address
        ? { ...common, path: address.path, tls: false }
        : config.use_tls
          ? { ...common, ...address, ...tlsOptions(config), tls: true }
          : { ...common, ...address },
    username,
    password,
    database: dbid,
    disableOfflineQueue: true,
    // A timer and a signal for each command, in place of which the link looks after its connection.
    commandOptions: { timeout: 0 },
    commandsQueueMaxLength: MAX_QUEUED,
  });
}

/** A client that is not connected yet. */
export function createRedisClient(config: RedisConfig, address: RedisAddress): RedisClient {
  return newClient(config, address, config);
}

/** Where the server is now: what the configuration says, or what the first sentinel says that can be asked. Throws where none can. */
export async function findRedis(config: RedisConfig): Promise<RedisAddress> {
  const { sentinel, path, host, port } = config;
  if (!sentinel) return path === undefined ? { host, port } : { path };
  const reasons: string[] = [];
  for (const node of sentinel.nodes) {
    try {
      return await askSentinel(config, node);
    } catch (error) {
      reasons.push(`${node.host}:${node.port}: ${messageOf(error)}`);
    }
  }
  throw new Error(`no sentinel says where ${sentinel.master} is (${reasons.join("; ")})`);
}

async function askSentinel(config: RedisConfig, node: { readonly host: string; readonly port: number }): Promise<RedisAddress> {
  const { master = "", username, password } = config.sentinel ?? {};
  const found = await once(config, node, { username, password }, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", master]);
  if (!Array.isArray(found)) throw new Error("it watches no server of this name");
  const [host = "", port] = found.map(String);
  return { host, port: Number(port) };
}

/** Throws where the server is a replica: a sentinel may know less than it should, and what is published there reaches nobody else. */
export async function requireMaster(config: RedisConfig, address: RedisAddress): Promise<void> {
  if (!config.sentinel) return;
  const reply = await once(config, address, config, ["ROLE"]);
  const role = Array.isArray(reply) ? String(reply[0]) : "unknown";
  if (role !== "master") throw new Error(`it is a ${role} now`);
}

/** One command on a connection of its own. */
async function once(config: RedisConfig, address: RedisAddress, session: Session, words: readonly string[]): Promise<unknown> {
  const client = newClient(config, address, session);
  // Without a listener an error would end the process. What follows from it is done where the call fails.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await client.sendCommand([...words]);
  } finally {
    if (client.isOpen) client.destroy();
  }
}
