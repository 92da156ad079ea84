import type { Readable } from "node:stream";
import type { JsonObject } from "../lib/json";
import type { JsonText } from "../lib/jsonText";
import type { ElementSink } from "./largeAnswer";
import type { VerifyKey } from "../rooms/signing";

export interface FederationRequestOptions {
  /** Added to the path; undefined values are left out, arrays repeat the name. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** Of one attempt, ms; `federation.client_timeout` (60 s) unless given. */
  readonly timeoutMs?: number;
  /**
   * "none": one attempt. "short" (the default): a few, for requests that somebody waits for. "long": many, over minutes, for
   * transactions.
   */
  readonly retries?: "none" | "short" | "long";
  /** Asks even a server that did not answer lately, and does not hold a failure against it. */
  readonly ignoreBackoff?: boolean;
  /** Of one attempt with its whole answer, ms; five times timeoutMs unless given, as a body may take longer than its beginning. */
  readonly totalMs?: number;
  /** Largest answer in bytes; 100 MiB unless given, 500 MiB where its elements are taken as they come. */
  readonly maxBytes?: number;
  /** Takes the elements of large arrays, which come empty in the answer. Where there are several attempts, some may come twice. */
  readonly elements?: ElementSink;
}

/**
 * Signed requests to other homeservers. Paths are whole and percent-encoded: `/_matrix/federation/v1/event/%24abc`. Answers are JSON
 * objects in which numbers that a double would change are kept as text, so that `readPdu` takes what is in them; `[200, {...}]` of old
 * endpoints comes as its object. Throw FederationError (the other server's own error), ServerUnreachableError (with BackingOffError)
 * and FederationDeniedError, all of them MatrixErrors.
 */
export interface FederationClient {
  get(destination: string, path: string, options?: FederationRequestOptions): Promise<JsonObject>;
  /** A JsonText body must be canonical JSON: it is signed and sent as it lies. */
  put(destination: string, path: string, body: JsonObject | JsonText, options?: FederationRequestOptions): Promise<JsonObject>;
  post(destination: string, path: string, body: JsonObject | JsonText, options?: FederationRequestOptions): Promise<JsonObject>;
  /**
   * What another server answers as it comes: for what is no JSON. Redirects are not followed; other failures throw as with `get`.
   * "unsigned": for endpoints that take anybody.
   */
  open(
    destination: string,
    path: string,
    options: FederationRequestOptions & { readonly signature: "signed" | "unsigned" },
  ): Promise<FederationStream>;
  close(): Promise<void>;
}

export interface FederationStream {
  readonly status: number;
  /** A header's first value; names in lower case. */
  header(name: string): string | undefined;
  /** Has to be read or destroyed. */
  readonly body: Readable;
}

/** A key document of a server as it came, with the signatures that it carries. */
export interface KeyDocument {
  readonly keyId: string;
  /** ms since the epoch. */
  readonly validUntil: number;
  readonly document: JsonObject;
}

/** Public keys of servers, our own among them. */
export interface VerifyKeys {
  /**
   * The key, if it was valid at `minValidUntil` (ms): the time of the event, or now for requests. Undefined where nobody knows such a
   * key; concurrent calls share a fetch. Answers without a promise where memory has the key.
   */
  get(serverName: string, keyId: string, minValidUntil: number): VerifyKey | undefined | Promise<VerifyKey | undefined>;
  /**
   * For a notary: documents with the keys wanted (key id to the time at which it must still be valid; none for all), fetched where the
   * stored ones are missing or too old. What cannot be fetched anew is answered as it is stored.
   */
  documents(serverName: string, wanted: ReadonlyMap<string, number>): Promise<readonly JsonObject[]>;
}

/** Which servers did not answer lately, so that they are left alone for a while. */
export interface Backoff {
  /** When the server may be asked again, ms since the epoch; undefined: at any time. */
  retryAt(destination: string): Promise<number | undefined>;
  failed(destination: string): Promise<void>;
  /** It answered, or sent something itself. */
  alive(destination: string): Promise<void>;
  /** Another process heard from a server that was left alone. */
  back(destination: string): void;
  /** fn is called when a server that was left alone is back. */
  onBack(fn: (destination: string) => void): void;
}

/** What a process needs to talk to other servers; `app.federation`. */
export interface Federation {
  readonly client: FederationClient;
  readonly keys: VerifyKeys;
  readonly backoff: Backoff;
  /** Whether we talk with a server at all (`federation_domain_whitelist`). */
  allowed(serverName: string): boolean;
}
