import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { DatabaseOptions } from "./databaseOptions";
import { chooseIdentity, EmbeddedDatabaseError, majorVersion, type Identity } from "./embeddedBinaries";
import { CLUSTER_PORT, CLUSTER_USER, initialise, isAlive, writeSettings, type Cluster } from "./embeddedServer";

export const DATABASE = "synapse_ts";
/** A unix socket's address has 108 bytes, the last of them 0. */
const SOCKET_PATH_LIMIT = 107;

/** Where the database of a data directory is reached once the main process runs. Workers use it too. */
export function embeddedAddress(dataDirectory: string): DatabaseOptions {
  return { host: socketDirectoryOf(dataDirectory), port: CLUSTER_PORT, user: CLUSTER_USER, database: DATABASE, tls: { mode: "disable" } };
}

const clusterOf = (dataDirectory: string): string => join(dataDirectory, "cluster");

/** The cluster's own folder, which is closed to others; where that makes the name too long, a short one that is derived from it. */
function socketDirectoryOf(dataDirectory: string): string {
  // The folder may not exist yet, its parent does; links are followed so that every process derives the same name.
  const parent = dirname(dataDirectory);
  const real = join(existsSync(parent) ? realpathSync(parent) : parent, basename(dataDirectory));
  const own = clusterOf(real);
  if (Buffer.byteLength(`${own}/.s.PGSQL.${CLUSTER_PORT}`) <= SOCKET_PATH_LIMIT) return own;
  return `/tmp/synapse-ts-${createHash("sha256").update(real).digest("hex").slice(0, 16)}`;
}

/** Makes a cluster if there is none, and everything else that a server needs before it can start. */
export async function prepareCluster(dataDirectory: string, binaries: string): Promise<Cluster> {
  makeDataDirectory(dataDirectory);
  const directory = clusterOf(dataDirectory);
  const owner = statSync(directory, { throwIfNoEntry: false });
  const identity = chooseIdentity(binaries, dataDirectory, owner);
  const cluster = {
    binaries,
    identity,
    directory,
    socketDirectory: socketDirectoryOf(dataDirectory),
    logFile: join(dataDirectory, "postgres.log"),
  };
  const major = majorVersion(binaries, identity);
  removeDrafts(cluster);
  const version = versionOf(directory);
  if (version === undefined) {
    if (owner && readdirSync(directory).length > 0) throw new EmbeddedDatabaseError(`${directory} is not empty and holds no database`);
    await initialise(cluster);
  } else if (version !== major) {
    throw new EmbeddedDatabaseError(
      `the embedded database in ${directory} was made by PostgreSQL ${version}, this version of synapse-ts brings PostgreSQL ${major}. ` +
        "Start the previous version once more and move the data with pg_dump or pg_upgrade, or stay with it.",
    );
  }
  makeSocketDirectory(cluster);
  return cluster;
}

/** Settings for a small server which shares its machine, and which never gives up a commit that it has acknowledged. */
export function configure(cluster: Cluster, own: Readonly<Record<string, string | number>> = {}): void {
  writeSettings(cluster, {
    listen_addresses: "",
    port: CLUSTER_PORT,
    unix_socket_permissions: "0700",
    max_connections: 200,
    shared_buffers: "128MB",
    effective_cache_size: "512MB",
    work_mem: "8MB",
    maintenance_work_mem: "64MB",
    // Containers give /dev/shm 64 MB, and only parallel queries would need more.
    max_parallel_workers_per_gather: 0,
    max_parallel_maintenance_workers: 0,
    random_page_cost: 1.1,
    // No replicas and no archive of the log here.
    wal_level: "minimal",
    max_wal_senders: 0,
    max_logical_replication_workers: 0,
    wal_compression: "on",
    min_wal_size: "80MB",
    max_wal_size: "1GB",
    checkpoint_timeout: "15min",
    ...((versionOf(cluster.directory) ?? 0) >= 18 ? { io_method: "sync" } : {}),
    jit: "off",
    huge_pages: "off",
    timezone: "UTC",
    log_timezone: "UTC",
    log_min_messages: "warning",
    log_min_error_statement: "panic",
    log_checkpoints: "off",
    log_line_prefix: "%m [%p] ",
    ...own,
  });
}

function versionOf(directory: string): number | undefined {
  try {
    return Number(readFileSync(join(directory, "PG_VERSION"), "utf8").trim());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new EmbeddedDatabaseError(`the embedded database cannot be read: ${message}`);
  }
}

/** When we are root the server's user has to pass through to the cluster, but not to look around. */
function makeDataDirectory(directory: string): void {
  try {
    const isNew = mkdirSync(directory, { recursive: true }) !== undefined;
    if (isNew) chmodSync(directory, process.getuid?.() === 0 ? 0o711 : 0o700);
  } catch (error) {
    throw new EmbeddedDatabaseError(`the data directory ${directory} cannot be made: ${(error as Error).message}`);
  }
}

/** In /tmp somebody else could have made it first, and would then see every query. */
function makeSocketDirectory({ socketDirectory, directory, identity }: Cluster): void {
  if (socketDirectory.endsWith("/cluster") && existsSync(socketDirectory)) return;
  const uid = serverUid(identity);
  if (!lstatSync(socketDirectory, { throwIfNoEntry: false })) {
    mkdirSync(socketDirectory, { mode: 0o700 });
    if (identity.uid !== undefined && identity.gid !== undefined) chownSync(socketDirectory, identity.uid, identity.gid);
  }
  const found = lstatSync(socketDirectory);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new EmbeddedDatabaseError(
      `${socketDirectory} is needed for the socket of the database in ${directory}, but does not belong to user id ${uid} alone. Remove it, or shorten the name of the data directory.`,
    );
  }
}

/** As seen from outside: in a user namespace the server's files belong to the user who made the namespace. */
function serverUid(identity: Identity): number {
  return identity.uid ?? process.getuid?.() ?? 0;
}

/** What an interrupted first start left behind. */
function removeDrafts({ directory }: Cluster): void {
  const prefix = `${basename(directory)}.new-`;
  for (const name of readdirSync(dirname(directory))) {
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) rmSync(join(dirname(directory), name), { recursive: true });
  }
}
