/** How to encrypt the connection, as libpq's sslmode. Certificates are PEM text, already read from their files. */
export interface DatabaseTls {
  /**
   * "allow" behaves as "prefer": encrypted where the server offers it. "require" encrypts without checking who answers,
   * unless rootCert is given (libpq does the same); "verify-ca" checks the issuer, "verify-full" the host name too.
   */
  readonly mode: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** "system" means the certificates that Node trusts. */
  readonly rootCert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Where the database is and how to treat it. Durations are in milliseconds, 0 switches a limit off. */
export interface DatabaseOptions {
  /** A name, an address, or the directory of a unix socket (starts with "/"). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database: string;
  /** Default: "prefer", as libpq. Never used on a unix socket. */
  readonly tls?: DatabaseTls | undefined;
  /** Connections kept open (Synapse's cp_min), default 5 or max if that is less. */
  readonly min?: number | undefined;
  /** Most connections open (Synapse's cp_max), default 10. */
  readonly max?: number | undefined;
  readonly applicationName?: string | undefined;
  /** Silence before TCP probes the peer, default 60 s. */
  readonly keepAliveMs?: number | undefined;
  /** false trades the last moments before a power cut for faster commits; it never damages the database. Default true. */
  readonly synchronousCommit?: boolean | undefined;
  /** Default 60 s. */
  readonly statementTimeoutMs?: number | undefined;
  /** Default 20 s. */
  readonly lockTimeoutMs?: number | undefined;
  /**
   * A transaction whose process went silent is thrown out after this time, so that its locks are free again. Default 5 s: what a
   * frozen process stands for goes to others when its leases end, and they wait for its locks no longer than that.
   */
  readonly idleInTransactionTimeoutMs?: number | undefined;
  /** To the first usable connection of a slot, default 10 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a query waits for a free connection before it fails, default 15 s. Covers a restart of the database. */
  readonly checkoutTimeoutMs?: number | undefined;
}

type Optional = "password";
export type FullOptions = { readonly [K in Exclude<keyof DatabaseOptions, Optional>]-?: NonNullable<DatabaseOptions[K]> } & Pick<
  DatabaseOptions,
  Optional
>;

export function withDefaults(options: DatabaseOptions): FullOptions {
  const max = Math.max(1, options.max ?? 10);
  const defaults = {
    tls: { mode: "prefer" } as const,
    applicationName: "synapse-ts",
    keepAliveMs: 60_000,
    synchronousCommit: true,
    statementTimeoutMs: 60_000,
    lockTimeoutMs: 20_000,
    idleInTransactionTimeoutMs: 5_000,
    connectTimeoutMs: 10_000,
    checkoutTimeoutMs: 15_000,
    max,
    min: Math.min(max, Math.max(0, options.min ?? 5)),
  };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given, max, min: defaults.min } as FullOptions;
}

/** For messages: never holds the password. */
export function describeDatabase(options: Pick<DatabaseOptions, "host" | "port" | "database">): string {
  return `${options.database} on ${options.host}${options.host.startsWith("/") ? "" : `:${options.port}`}`;
}

/**
 * Reads postgres://user:password@host:port/database?host=/socket/dir&sslmode=... . The form in which tests and tools name a
 * database; servers are configured in Synapse's way.
 */
export function parseDatabaseUrl(text: string): DatabaseOptions {
  // A user without a host is fine with libpq, where it means the local socket, but not with URL.
  const url = new URL(text.replace(/^(\w+:\/\/[^/?]*@)(?=[/?])/, "$1%2Fvar%2Frun%2Fpostgresql"));
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.username) || "postgres";
  return {
    host: url.searchParams.get("host") ?? (decodeURIComponent(url.hostname) || "/var/run/postgresql"),
    port: Number(url.port || url.searchParams.get("port") || 5432),
    user,
    password: decodeURIComponent(url.password) || undefined,
    database: database || user,
    tls: { mode: (url.searchParams.get("sslmode") ?? "prefer") as DatabaseTls["mode"] },
  };
}
