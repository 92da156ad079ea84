import type { OwnSigningKey } from "../rooms/signing";
import type { AppService } from "./appservices";
import type { LogConfig } from "./logConfig";
import type { ConfigValues, Listener } from "./types.generated";

/** The embedded PostgreSQL, started by the main process. */
export interface EmbeddedDatabase {
  readonly kind: "embedded";
  readonly dataDirectory: string;
  /** False where the operator prefers speed to the last moments before a power cut. */
  readonly synchronousCommit: boolean;
  /** Connections kept open, and most connections of one process. */
  readonly min: number;
  readonly max: number;
}

/** How to encrypt the connection, as libpq's sslmode. */
export interface DatabaseTls {
  readonly mode: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** PEM text, or "system" for the authorities that Node trusts. */
  readonly rootCert?: string | undefined;
  /** PEM texts. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** How to reach a PostgreSQL server; the storage layer takes it as it is. Durations in milliseconds. */
export interface ConnectionOptions {
  /** A name, an address, or the directory of a unix socket (starts with "/"). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly tls: DatabaseTls;
  readonly min: number;
  readonly max: number;
  readonly applicationName: string;
  readonly keepAliveMs: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly statementTimeoutMs: number | undefined;
  readonly synchronousCommit: boolean | undefined;
}

/** A PostgreSQL server. */
export interface ServerDatabase {
  readonly kind: "server";
  readonly options: ConnectionOptions;
  /** Whether the server may start on a database whose collation is not C. */
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
  readonly signingKeys: readonly OwnSigningKey[];
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
