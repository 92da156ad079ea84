import type { AppService } from "./appservices";
import type { LogConfig } from "./logConfig";
import type { SigningKeySeed } from "./signingKeys";
import type { ConfigValues, Listener } from "./types.generated";

/** The embedded PostgreSQL, started by the main process. */
export interface EmbeddedDatabase {
  readonly kind: "embedded";
  readonly dataDirectory: string;
  /** False where the operator prefers speed to the last moments before a power cut. */
  readonly synchronousCommit: boolean;
  /** Connections kept open, and most connections of one process. */
  readonly minConnections: number;
  readonly maxConnections: number;
}

export interface DatabaseTls {
  /** prefer: try TLS, go on without. require: TLS, whoever answers. verify-ca and verify-full check the certificate. */
  readonly mode: "prefer" | "require" | "verify-ca" | "verify-full";
  /** PEM texts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A PostgreSQL server. */
export interface ServerDatabase {
  readonly kind: "server";
  /** Host name or address, or a directory that holds the unix socket. */
  readonly host: string;
  readonly isSocketDirectory: boolean;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: string | undefined;
  /** Absent: no TLS. */
  readonly tls: DatabaseTls | undefined;
  readonly minConnections: number;
  readonly maxConnections: number;
  /** A connection is replaced after so many transactions; 0 never. */
  readonly transactionLimit: number;
  /** Milliseconds. */
  readonly connectTimeout: number | undefined;
  /** Milliseconds of silence before a TCP keepalive; 0 switches them off, undefined leaves them to the system. */
  readonly keepaliveIdle: number | undefined;
  /** Command line options for the server session (libpq `options`). */
  readonly options: string | undefined;
  readonly applicationName: string;
  readonly allowUnsafeLocale: boolean;
}

export type DatabaseTarget = EmbeddedDatabase | ServerDatabase;

/** What follows from the files for this process. */
export interface DerivedConfig {
  /** `main`, or `worker_name`. */
  readonly instanceName: string;
  /** `main`, or the role of this worker: `worker_app` without the prefix `synapse.app.`. */
  readonly role: string;
  /** Always set, ends in a slash; `public_baseurl` itself stays absent when not given, which turns some features off. */
  readonly publicBaseurl: string;
  readonly database: DatabaseTarget;
  /** The sockets of this process: `listeners` of the main process, `worker_listeners` of a worker. */
  readonly listeners: readonly Listener[];
  /** PEM texts for listeners with `tls: true`; always present if there is such a listener. */
  readonly tls: { readonly certificate: string; readonly privateKey: string } | undefined;
  /** The first one signs. Never empty in a running server. */
  readonly signingKeys: readonly SigningKeySeed[];
  readonly appServices: readonly AppService[];
  readonly log: LogConfig;
  /** `macaroon_secret_key` and `form_secret`, or values that follow from the signing key, equal on all processes. */
  readonly macaroonSecret: string;
  readonly formSecret: string;
  /** Directory of the first configuration file. */
  readonly configDirectory: string;
}

/**
 * The configuration as everything else reads it: names exactly as in homeserver.yaml, durations in milliseconds, sizes in
 * bytes, defaults applied, secrets read from their files. Keys without a value in the file count as not given.
 */
export type Config = ConfigValues & { readonly derived: DerivedConfig };
